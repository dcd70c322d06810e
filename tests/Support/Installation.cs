using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RuntimeGuard.Tests.Support;

/// <summary>
/// The product as it is installed: a collector process, agent processes that watch this machine, and rgctl logged in,
/// all on the loopback with ephemeral ports and a directory of their own.
/// </summary>
public sealed class Installation : IAsyncDisposable
{
    readonly string _directory;
    readonly string _criEndpoint;
    readonly int _agentPort = ShopClient.FreePort();
    readonly int _port = ShopClient.FreePort();
    readonly Dictionary<string, BackgroundProgram> _agents = [];
    BackgroundProgram? _collector;

    readonly string[] _scale;

    Installation(string directory, string criEndpoint, int timeScale)
    {
        (_directory, _criEndpoint) = (directory, criEndpoint);
        _scale = timeScale == 1 ? [] : ["--time-scale", string.Create(CultureInfo.InvariantCulture, $"{timeScale}"), "--allow-time-scale"];
    }

    /// <summary>Initialises and starts the collector; agents will ask the given runtime.</summary>
    /// <param name="timeScale">So much faster than the clock the models learn.</param>
    public static async Task<Installation> StartAsync(string criEndpoint, int timeScale = 1)
    {
        var installation = new Installation(Directory.CreateTempSubdirectory("rg-e2e-").FullName, criEndpoint, timeScale);
        try
        {
            await installation.InitialiseAsync();
            return installation;
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    string CollectorData => Path.Combine(_directory, "collector");

    public void StartCollector() => _collector = BackgroundProgram.Start(
        "runtimeguard-collector", Path.Combine(_directory, "collector.log"),
        ["serve", "--data-dir", CollectorData, "--agent-listen", $"127.0.0.1:{_agentPort}", "--listen", $"127.0.0.1:{_port}", .. _scale]);

    public Task StopCollectorAsync() => _collector!.StopAsync();

    public Task KillCollectorAsync() => _collector!.KillAsync();

    /// <summary>Starts an agent of that name; it enrols itself the first time and is what it was every other time.</summary>
    public async Task StartAgentAsync(string node)
    {
        var data = Path.Combine(_directory, node);
        var token = Path.Combine(_directory, $"{node}.token");
        if (!Directory.Exists(data))
        {
            var made = await RunAsync("runtimeguard-collector", "token", "create", "--data-dir", CollectorData, "--node", node);
            await File.WriteAllTextAsync(token, made.Succeeded().Out.Trim());
        }
        _agents[node] = BackgroundProgram.Start("runtimeguard-agent", Path.Combine(_directory, $"{node}.log"),
            ["run", "--data-dir", data, "--collector", $"127.0.0.1:{_agentPort}", "--token-file", token, "--node", node,
            "--cri-endpoint", _criEndpoint, .. _scale.TakeLast(1)]);
    }

    /// <summary>From here on nobody expects it to run, until it is started again.</summary>
    public async Task StopAgentAsync(string node)
    {
        _agents.Remove(node, out var agent);
        await agent!.StopAsync();
        await agent.DisposeAsync();
    }

    public Task KillAgentAsync(string node) => _agents[node].KillAsync();

    /// <summary>Whether the text is in the agent's spool on disk.</summary>
    public bool HasSpooled(string node, string text) =>
        Directory.EnumerateFiles(Path.Combine(_directory, node, "spool"), "*", SearchOption.AllDirectories)
            .Any(f => File.ReadAllBytes(f).AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0);

    /// <summary>Whether the agent has written names of peers since then.</summary>
    public bool KeptNamesSince(string node, DateTime utc) =>
        Directory.EnumerateFiles(Path.Combine(_directory, node, "names"), "*.names").Any(f => File.GetLastWriteTimeUtc(f) > utc);

    /// <summary>Waits until the node is connected and reports the containers.</summary>
    public Task WatchesAsync(string node, params string[] containers) => Eventually.HoldsAsync(
        $"{node} watches {string.Join(", ", containers)}\n{Logs()}", async () =>
        {
            MustRun();
            var answer = await RgctlAsync("nodes", "show", node, "-o", "json");
            if (answer.ExitCode != 0)
                return false;
            using var document = JsonDocument.Parse(answer.Out);
            var status = document.RootElement;
            var ids = status.GetProperty("containers").EnumerateArray()
                .Select(c => c.GetProperty("container_id").GetString()).ToHashSet();
            return status.GetProperty("state").GetString() == "connected" && containers.All(ids.Contains);
        }, TimeSpan.FromSeconds(60));

    public Task<CommandResult> RgctlAsync(params string[] arguments) => RunAsync("rgctl", arguments);

    /// <summary>rgctl's answer as JSON; fails with what it and the logs say when it cannot answer.</summary>
    public async Task<JsonElement> AskAsync(params string[] arguments)
    {
        var answer = await RgctlAsync([.. arguments, "-o", "json"]);
        if (answer.ExitCode != 0)
            throw new InvalidOperationException($"rgctl {string.Join(' ', arguments)}: {answer.ExitCode} {answer.Error}\n{Logs()}");
        using var document = JsonDocument.Parse(answer.Out);
        return document.RootElement.Clone();
    }

    /// <summary>Waits until the collector answers rgctl again.</summary>
    public Task AnswersAsync() => Eventually.HoldsAsync("the collector answers", async () =>
    {
        _collector!.MustRun();
        return (await RgctlAsync("whoami")).ExitCode == 0;
    });

    public void MustRun()
    {
        _collector?.MustRun();
        foreach (var agent in _agents.Values)
            agent.MustRun();
    }

    public string Logs() => string.Join("\n", Directory.EnumerateFiles(_directory, "*.log")
        .Select(f => $"--- {Path.GetFileName(f)}\n{string.Join('\n', File.ReadLines(f).TakeLast(25))}"));

    public async ValueTask DisposeAsync()
    {
        foreach (var agent in _agents.Values)
            await agent.DisposeAsync();
        if (_collector is not null)
            await _collector.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    async Task InitialiseAsync()
    {
        var made = (await RunAsync("runtimeguard-collector", "init", "--data-dir", CollectorData, "--host", "127.0.0.1")).Succeeded();
        var password = made.Out.Split('\n').First(l => l.Contains("password", StringComparison.Ordinal)).Split(": ")[^1].Trim();
        StartCollector();
        await Eventually.HoldsAsync("rgctl logs in", async () =>
        {
            _collector!.MustRun();
            var login = await Command.RunAsync("/bin/sh", "-c",
                "printf '%s\\n' \"$1\" | RGCTL_CONFIG=\"$2\" \"$0\" login --server \"$3\" --ca \"$4\" --user admin --password-stdin",
                ProductProgram.Find("rgctl"), password, _directory,
                string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}"), Path.Combine(CollectorData, "ca.crt"));
            return login.ExitCode == 0;
        });
    }

    Task<CommandResult> RunAsync(string program, params string[] arguments) => Command.RunAsync(
        "/usr/bin/env", [$"RGCTL_CONFIG={_directory}", ProductProgram.Find(program), .. arguments]);
}
