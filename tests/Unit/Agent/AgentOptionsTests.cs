using RuntimeGuard.Agent;

namespace RuntimeGuard.Tests.Unit.Agent;

public sealed class AgentOptionsTests : IDisposable
{
    readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("{\"colector\": \"c:1\"}", "colector")]
    [InlineData("{\"heartbeatSeconds\": \"x\"}", ":1:")]
    [InlineData("", ":1:")]
    [InlineData("null", "empty")]
    public void A_bad_file_is_refused_naming_file_and_place(string content, string named)
    {
        File.WriteAllText(_file, content);
        var message = Assert.Throws<OptionsException>(() => AgentOptions.Load(_file)).Message;
        Assert.Contains(_file, message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("collector", "--collector")]
    [InlineData("collector:0", "--collector")]
    [InlineData("a b:7443", "--collector")]
    public void A_bad_collector_is_refused(string collector, string named) =>
        Assert.Contains(named, Assert.Throws<OptionsException>(() =>
            new AgentOptions { Collector = collector, Node = "n" }.Validate()).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a\nb")]
    public void A_bad_node_name_is_refused(string node) =>
        Assert.Contains("--node", Assert.Throws<OptionsException>(() =>
            new AgentOptions { Collector = "c:7443", Node = node }.Validate()).Message, StringComparison.Ordinal);

    [Fact]
    public void Settings_of_a_file_are_read()
    {
        File.WriteAllText(_file, "{ \"collector\": \"[::1]:7443\", \"node\": \"n1\", \"redactNames\": [\"pepper\"] }");
        var options = AgentOptions.Load(_file).Validate();
        Assert.Equal(("[::1]:7443", "n1", "pepper"), (options.Collector, options.Node, options.RedactNames.Single()));
        Assert.True(AgentOptions.TryParseEndpoint(options.Collector, out var host, out var port));
        Assert.Equal(("::1", 7443), (host, port));
    }
}
