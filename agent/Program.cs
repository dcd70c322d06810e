using System.CommandLine;
using RuntimeGuard.Agent;
using RuntimeGuard.Agent.Sensors;

// runtimeguard-agent: run | preflight. Exit codes: 0 ok, 1 failed (one line says why and the remedy), 2 usage.
var dataDirectory = new Option<string?>("--data-dir") { Description = "identity, spool, baselines and names (default /var/lib/runtimeguard/agent)" };
var collector = new Option<string?>("--collector") { Description = "HOST:PORT of the collector's agent port" };
var tokenFile = new Option<string?>("--token-file") { Description = "join token, needed until the node is enrolled; - reads stdin" };
var node = new Option<string?>("--node") { Description = "name of this node (default: the host's)" };
var criEndpoint = new Option<string?>("--cri-endpoint") { Description = "unix:///PATH of the container runtime (default: the well-known sockets)" };
var config = new Option<string?>("--config") { Description = "JSON file of settings; flags win" };
var allowTimeScale = new Option<bool>("--allow-time-scale") { Description = "accept a collector that scales time (tests, demo)" };
var output = new Option<string>("--output", "-o") { Description = "table or json", DefaultValueFactory = _ => "table" };
output.AcceptOnlyFromAmong("table", "json");

var run = new Command("run", "watch this node's containers and report to the collector")
{
    dataDirectory, collector, tokenFile, node, criEndpoint, config, allowTimeScale,
};
run.SetAction(parsed =>
{
    var options = parsed.GetValue(config) is { } path ? AgentOptions.Load(path) : new AgentOptions();
    return AgentProcess.Run((options with
    {
        DataDirectory = parsed.GetValue(dataDirectory) ?? options.DataDirectory,
        Collector = parsed.GetValue(collector) ?? options.Collector,
        TokenFile = parsed.GetValue(tokenFile) ?? options.TokenFile,
        Node = parsed.GetValue(node) ?? options.Node,
        CriEndpoint = parsed.GetValue(criEndpoint) ?? options.CriEndpoint,
        AllowTimeScale = parsed.GetValue(allowTimeScale) || options.AllowTimeScale,
    }).Validate());
});

var preflight = new Command("preflight", "what can be seen on this host, by which hook, and what is blind") { output };
preflight.SetAction(parsed => PreflightCommand.Run(parsed.GetValue(output)!));

var root = new RootCommand("RuntimeGuard's node agent: watches processes, files and network of every container") { run, preflight };
var result = root.Parse(args);
if (result.Errors.Count > 0)
{
    result.Invoke();
    return 2;
}
try
{
    return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is OptionsException or SensorException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"runtimeguard-agent: {e.Message}");
    return 1;
}
