using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>
/// install.sh as a newcomer runs it, at its real paths, in a mount namespace where those are of the test's own: an
/// installation of this host is neither seen nor touched.
/// </summary>
[Trait("Category", "EndToEnd")]
public sealed class InstallTests : IAsyncLifetime
{
    static readonly string[] Paths =
    [
        "/opt/runtimeguard", "/etc/runtimeguard", "/var/log/runtimeguard", "/run/runtimeguard", "/usr/local/bin/rgctl",
        "/etc/systemd/system/runtimeguard-agent.service", "/etc/systemd/system/runtimeguard-collector.service",
    ];

    readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("rg-install-");
    readonly PrivateHost _host = new();

    string Data => Path.Combine(_home.FullName, "data");

    public async ValueTask InitializeAsync() => await _host.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _home.Delete(recursive: true);
    }

    [Theory]
    [InlineData("127.0.0.1", "", "collector", "agent")]
    [InlineData("127.0.0.2", "--collector-only", "collector")]
    public async Task An_installation_is_healthy_survives_a_kill_repeats_and_leaves_nothing_behind(
        string address, string role, params string[] parts)
    {
        // The collector's own user passes through it.
        (await Command.RunAsync("chmod", "0711", _home.FullName)).Succeeded();
        var (people, agents) = (FreePort(), FreePort());
        string Status(string state) => string.Concat(parts.Select(part => $"{part}: {state}\n"));
        try
        {
            var first = await InstallAsync([.. role.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--data-dir", Data,
                "--listen", $"{address}:{people}", "--agent-listen", $"{address}:{agents}", "--node", "install-test"]);
            Assert.Contains("admin password, shown this once: ", first.Succeeded().Out);
            Assert.Contains($"logged in to {address}:", first.Out);

            await StatusIsAsync(0, Status("healthy"));
            if (parts.Contains("agent"))
            {
                await AgentIsInOrderAsync();
            }

            Assert.Equal("runtimeguard:runtimeguard 700", await OwnerAsync(Path.Combine(Data, "collector")));
            foreach (var part in parts)
            {
                var pid = await PidOfAsync($"/opt/runtimeguard/{part}/runtimeguard-{part}");
                (await Command.RunAsync("kill", "-KILL", pid)).Succeeded();
                await Eventually.HoldsAsync($"the {part} runs again", async () =>
                    await FindPidAsync($"/opt/runtimeguard/{part}/runtimeguard-{part}") is { } now && now != pid);
            }

            await Eventually.HoldsAsync("all is healthy again", async () => (await InstallAsync("status")).ExitCode == 0);

            (await InstallAsync("stop")).Succeeded();
            await StatusIsAsync(3, Status("stopped"));
            (await InstallAsync("start")).Succeeded();
            await StatusIsAsync(0, Status("healthy"));

            var again = (await InstallAsync()).Succeeded();
            Assert.DoesNotContain("admin password", again.Out);
            Assert.Contains($"admin (admin) at {address}:", again.Out);
            await StatusIsAsync(0, Status("healthy"));
        }
        finally
        {
            (await InstallAsync("uninstall", "--purge")).Succeeded();
        }

        foreach (var path in Paths.Append(Data))
        {
            Assert.NotEqual(0, (await _host.RunAsync("test", "-e", path)).ExitCode);
        }
        Assert.NotEqual(0, (await _host.RunAsync("getent", "passwd", "runtimeguard")).ExitCode);
        Assert.Null(await FindPidAsync("/opt/runtimeguard/agent/runtimeguard-agent"));
        Assert.Null(await FindPidAsync("/opt/runtimeguard/collector/runtimeguard-collector"));
    }

    [Theory]
    [InlineData("--frobnicate", "unknown option --frobnicate")]
    [InlineData("--listen", "--listen needs a value")]
    [InlineData("--listen 7444", "--listen takes ADDRESS:PORT")]
    [InlineData("--listen :7444", "--listen takes ADDRESS:PORT")]
    [InlineData("--node $(id)", "--node takes 1 to 63 letters")]
    [InlineData("--host a;b", "--host takes a name or an address")]
    [InlineData("--cri-endpoint /run/x.sock", "--cri-endpoint takes unix:///PATH")]
    [InlineData("--data-dir relative", "--data-dir takes an absolute path")]
    [InlineData("--data-dir /", "--data-dir takes an absolute path")]
    [InlineData("--data-dir /tmp/../etc", "--data-dir takes an absolute path")]
    [InlineData("--agent-only", "--agent-only needs --collector HOST:PORT")]
    [InlineData("--agent-only --collector c:7443", "--agent-only needs --token-file FILE")]
    [InlineData("--agent-only --collector c:7443 --token-file /nonexistent", "cannot be read")]
    [InlineData("--collector-only --token-file /etc/hosts", "--token-file is for --agent-only")]
    [InlineData("status now", "status does not take: now")]
    [InlineData("demo fast", "demo takes no options")]
    public async Task A_wrong_option_is_one_clear_line_and_changes_nothing(string arguments, string expected)
    {
        var result = await InstallAsync(arguments.Split(' '));
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Error);
        Assert.Contains("see: ./install.sh --help", result.Error);
        Assert.Empty(result.Out);
    }

    [Theory]
    [InlineData()]
    [InlineData("status")]
    [InlineData("uninstall", "--purge")]
    [InlineData("demo")]
    public async Task Without_root_it_says_so(params string[] arguments)
    {
        // The checkout may lie where only its owner can enter.
        var copy = Directory.CreateDirectory(Path.Combine(_home.FullName, "agent", "deploy")).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Root, "agent", "deploy")))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        File.Copy(Script, Path.Combine(_home.FullName, "install.sh"));
        (await Command.RunAsync("chmod", "-R", "a+rX", _home.FullName)).Succeeded();
        var result = await Command.RunAsync("setpriv",
            ["--reuid", "nobody", "--clear-groups", "--inh-caps=-all", Path.Combine(_home.FullName, "install.sh"), .. arguments]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("error: this needs root; run: sudo ./install.sh", result.Error);
    }

    /// <summary>Enrolled, connected, and nothing of it writable by others.</summary>
    async Task AgentIsInOrderAsync()
    {
        var node = JsonDocument.Parse((await RgctlAsync("nodes", "show", "install-test", "-o", "json")).Succeeded().Out).RootElement;
        Assert.Equal("connected", node.GetProperty("state").GetString());
        Assert.NotEqual(0, (await _host.RunAsync("test", "-e", "/etc/runtimeguard/join-token")).ExitCode);
        Assert.Equal("root:root 755", await OwnerAsync("/opt/runtimeguard/agent/runtimeguard-agent"));
        Assert.Equal("root:root 700", await OwnerAsync(Path.Combine(Data, "agent")));
    }

    static string Script => Path.Combine(Root, "install.sh");

    static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "RuntimeGuard.sln")))
            {
                folder = folder.Parent ?? throw new InvalidOperationException("run the tests from a checkout: RuntimeGuard.sln is not above them");
            }

            return folder.FullName;
        }
    }

    async Task StatusIsAsync(int code, string expected)
    {
        var status = await InstallAsync("status");
        Assert.Equal((code, expected), (status.ExitCode, status.Out));
    }

    /// <summary>With a login of the test's own, and a deadline that fits a first build on a busy machine.</summary>
    async Task<CommandResult> InstallAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("nsenter", [.. _host.Enter, "timeout", "--kill-after=10", "600", Script, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment["RGCTL_CONFIG"] = _home.FullName;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return new CommandResult(process.ExitCode, await output, await error);
    }

    Task<CommandResult> RgctlAsync(params string[] arguments) =>
        _host.RunAsync("env", [$"RGCTL_CONFIG={_home.FullName}", "/usr/local/bin/rgctl", .. arguments]);

    async Task<string> OwnerAsync(string path) =>
        (await _host.RunAsync("stat", "-c", "%U:%G %a", path)).Succeeded().Out.Trim();

    async Task<string> PidOfAsync(string program) =>
        await FindPidAsync(program) ?? throw new InvalidOperationException($"{program} does not run");

    /// <summary>By executable, so that a supervisor that has the name among its arguments is not taken for it.</summary>
    Task<string?> FindPidAsync(string program) => Task.Run(() => Directory.GetDirectories("/proc")
        .Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0]) && LinkOf(folder, "exe") == program && _host.Holds(folder))
        .Select(Path.GetFileName).FirstOrDefault());

    static string? LinkOf(string process, string link)
    {
        try
        {
            return new FileInfo($"{process}/{link}").LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It ended between the listing and the look, or is a thread of the kernel.
            return null;
        }
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
