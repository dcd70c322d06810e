using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class PreflightTests(KernelSensor kernel)
{
    [Fact]
    public void Preflight_claims_exactly_the_hooks_the_sensor_has()
    {
        var socket = Path.GetTempFileName();
        try
        {
            var report = PreflightCommand.Examine([socket, socket + ".missing"]);
            Assert.True(report.SensorRuns, report.SensorProblem);
            Assert.Equal(kernel.Sensor.Hooks, report.Events);
            Assert.Equal([socket], report.RuntimeSockets);
            Assert.Equal(kernel.Root, report.CgroupV2Mount);
            Assert.True(report.Btf);
        }
        finally
        {
            File.Delete(socket);
        }
    }

    [Fact]
    public async Task Where_packets_may_not_be_seen_names_are_blind_and_everything_else_goes_on()
    {
        const string Allowed = "-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search";
        Task<CommandResult> Preflight(string allowed) =>
            Command.RunAsync("setpriv", "--bounding-set", allowed, ProductProgram.Find("runtimeguard-agent"), "preflight");
        var blind = (await Preflight(Allowed)).Succeeded().Out;
        Assert.Contains("dns           blind: ", blind, StringComparison.Ordinal);
        Assert.Contains("dns-answer    blind: ", blind, StringComparison.Ordinal);
        Assert.Contains("connect       tp_btf/sys_exit", blind, StringComparison.Ordinal);
        Assert.Contains("The sensor runs here.", blind, StringComparison.Ordinal);
        Assert.Contains("dns           cgroup_skb/egress", (await Preflight(Allowed + ",+net_admin")).Succeeded().Out, StringComparison.Ordinal);
    }

    /// <summary>Each hook in use is of a type that was seen to run; a type that did not says why.</summary>
    [Fact]
    public void What_the_sensor_uses_was_seen_to_fire()
    {
        var types = ProgramTypeProbe.Run();
        Assert.Contains(types, t => t is { Type: "tp_btf", Loads: true, Fires: true });
        Assert.Contains(types, t => t is { Type: "ringbuf", Fires: true });
        Assert.All(types, t => Assert.Equal(t.Fires, t.Problem.Length == 0));
        Assert.All(kernel.Sensor.Hooks, h => Assert.Contains(
            types, t => t.Fires && h.Hook.StartsWith(t.Type + "/", StringComparison.Ordinal)));
    }
}
