using System.Reflection;
using NetArchTest.Rules;

namespace RuntimeGuard.Tests.Unit;

/// <summary>The reference table of the house, as tests: who may use whom.</summary>
public class ArchitectureTests
{
    static readonly Assembly Proto = typeof(RuntimeGuard.Proto.Anomaly).Assembly;
    static readonly Assembly Models = typeof(RuntimeGuard.Models.Baseline).Assembly;
    static readonly Assembly Agent = typeof(RuntimeGuard.Agent.AgentOptions).Assembly;
    static readonly Assembly Collector = Assembly.Load("runtimeguard-collector");
    static readonly Assembly Cli = Assembly.Load("rgctl");

    [Theory]
    [InlineData("RuntimeGuard.Proto", "")]
    [InlineData("RuntimeGuard.Models", "RuntimeGuard.Proto")]
    [InlineData("runtimeguard-agent", "RuntimeGuard.Proto RuntimeGuard.Models")]
    [InlineData("runtimeguard-collector", "RuntimeGuard.Proto RuntimeGuard.Models")]
    [InlineData("rgctl", "RuntimeGuard.Proto RuntimeGuard.Models")]
    public void A_project_references_only_the_rooms_below_it(string project, string allowed)
    {
        var ours = Assembly.Load(project).GetReferencedAssemblies().Select(a => a.Name!)
            .Where(n => n.StartsWith("RuntimeGuard", StringComparison.OrdinalIgnoreCase) || n == "rgctl");
        Assert.Empty(ours.Except(allowed.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Theory]
    [InlineData("RuntimeGuard.Agent.Native",
        "RuntimeGuard.Agent.Sensors RuntimeGuard.Agent.Containers RuntimeGuard.Models RuntimeGuard.Proto Grpc")]
    [InlineData("RuntimeGuard.Agent.Sensors", "RuntimeGuard.Agent.Containers RuntimeGuard.Models RuntimeGuard.Proto Grpc")]
    [InlineData("RuntimeGuard.Agent.Containers",
        "RuntimeGuard.Agent.Native RuntimeGuard.Agent.Sensors RuntimeGuard.Models Tmds.Linux")]
    public void A_room_of_the_agent_never_uses_what_is_above_or_beside_it(string room, string forbidden)
    {
        var types = Types.InAssembly(Agent).That().ResideInNamespaceStartingWith(room);
        Assert.NotEmpty(types.GetTypes());
        AssertHolds(types.ShouldNot().HaveDependencyOnAny(forbidden.Split(' ')).GetResult());
    }

    [Fact]
    public void Models_are_pure()
    {
        AssertHolds(Types.InAssembly(Models).ShouldNot().HaveDependencyOnAny(
            "System.IO.File", "System.IO.Directory", "System.IO.FileStream", "System.Net.Sockets", "System.Net.Http",
            "System.Threading.Thread", "System.Threading.Tasks.Task", "System.Threading.Timer", "System.TimeProvider",
            "System.Diagnostics.Stopwatch", "System.Random", "Grpc").GetResult());
        // Not all of System.Environment: the compiler's own iterators ask it for their thread.
        Assert.Empty(MethodNamesCalled(Models).Intersect(
            ["get_UtcNow", "get_Now", "GetEnvironmentVariable", "get_MachineName", "get_TickCount", "get_TickCount64", "get_ProcessId"]));
    }

    [Fact]
    public void Only_Native_declares_native_calls()
    {
        var outside = Agent.GetTypes()
            .Where(t => t.Namespace?.StartsWith("RuntimeGuard.Agent.Native", StringComparison.Ordinal) != true)
            .Concat(Models.GetTypes()).Concat(Collector.GetTypes()).Concat(Cli.GetTypes())
            .SelectMany(t => t.GetMethods((BindingFlags)60 | BindingFlags.DeclaredOnly))
            .Where(m => m.Attributes.HasFlag(MethodAttributes.PinvokeImpl));
        Assert.Empty(outside.Select(m => $"{m.DeclaringType}.{m.Name}"));
    }

    [Fact]
    public void Only_Native_uses_the_C_library()
    {
        AssertHolds(Types.InAssembly(Agent).That().DoNotResideInNamespaceStartingWith("RuntimeGuard.Agent.Native")
            .ShouldNot().HaveDependencyOn("Tmds.Linux").GetResult());
    }

    [Fact]
    public void Proto_holds_generated_types_only()
    {
        var byHand = Proto.GetTypes().Where(t => t is { IsPublic: true, IsEnum: false }
            && !typeof(Google.Protobuf.IMessage).IsAssignableFrom(t)
            && !t.Name.EndsWith("Reflection", StringComparison.Ordinal)
            && t.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic)
                .All(n => !n.Name.EndsWith("Client", StringComparison.Ordinal)));
        Assert.Empty(byHand);
    }

    static IEnumerable<string> MethodNamesCalled(Assembly assembly)
    {
        using var module = Mono.Cecil.ModuleDefinition.ReadModule(assembly.Location);
        return [.. module.GetMemberReferences().Select(m => m.Name)];
    }

    static void AssertHolds(NetArchTest.Rules.TestResult result) =>
        Assert.True(result.IsSuccessful, string.Join('\n', result.FailingTypeNames ?? []));
}
