using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>install.sh as a newcomer runs it, at its real paths; a host that has an installation is left alone.</summary>
[Trait("Category", "EndToEnd")]
public sealed class InstallTests : IDisposable
{
    static readonly string[] Paths =
    [
        "/opt/runtimeguard", "/etc/runtimeguard", "/var/log/runtimeguard", "/run/runtimeguard", "/usr/local/bin/rgctl",
        "/etc/systemd/system/runtimeguard-agent.service", "/etc/systemd/system/runtimeguard-collector.service",
    ];

    readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("rg-install-");

    string Data => Path.Combine(_home.FullName, "data");

    public void Dispose() => _home.Delete(recursive: true);

    [Theory]
    [InlineData("", "collector", "agent")]
    [InlineData("--collector-only", "collector")]
    public async Task An_installation_is_healthy_survives_a_kill_repeats_and_leaves_nothing_behind(string role, params string[] parts)
    {
        var there = Paths.Where(Path.Exists).ToList();
        Assert.True(there.Count == 0,
            $"this host has an installation ({string.Join(' ', there)}); remove it first: sudo ./install.sh uninstall --purge");
        // The collector's own user passes through it.
        (await Command.RunAsync("chmod", "0711", _home.FullName)).Succeeded();
        var (people, agents) = (FreePort(), FreePort());
        string Status(string state) => string.Concat(parts.Select(part => $"{part}: {state}\n"));
        try
        {
            var first = await InstallAsync([.. role.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--data-dir", Data,
                "--listen", $"127.0.0.1:{people}", "--agent-listen", $"127.0.0.1:{agents}", "--node", "install-test"]);
            Assert.Contains("admin password, shown this once: ", first.Succeeded().Out);
            Assert.Contains("logged in to localhost:", first.Out);

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
            Assert.Contains("admin (admin) at localhost:", again.Out);
            await StatusIsAsync(0, Status("healthy"));
        }
        finally
        {
            (await InstallAsync("uninstall", "--purge")).Succeeded();
        }

        Assert.DoesNotContain(Paths.Append(Data), Path.Exists);
        Assert.NotEqual(0, (await Command.RunAsync("getent", "passwd", "runtimeguard")).ExitCode);
        Assert.Null(await FindPidAsync("/opt/runtimeguard/agent/runtimeguard-agent"));
        Assert.Null(await FindPidAsync("/opt/runtimeguard/collector/runtimeguard-collector"));
    }

    [Theory]
    [InlineData("--frobnicate", "unknown option --frobnicate")]
    [InlineData("--listen", "--listen needs a value")]
    [InlineData("--listen 7444", "--listen takes ADDRESS:PORT")]
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
        Assert.False(File.Exists("/etc/runtimeguard/join-token"), "the spent join token is still there");
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
        var start = new ProcessStartInfo("timeout", ["--kill-after=10", "600", Script, .. arguments])
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
        Command.RunAsync("env", [$"RGCTL_CONFIG={_home.FullName}", "/usr/local/bin/rgctl", .. arguments]);

    static async Task<string> OwnerAsync(string path) =>
        (await Command.RunAsync("stat", "-c", "%U:%G %a", path)).Succeeded().Out.Trim();

    static async Task<string> PidOfAsync(string program) =>
        await FindPidAsync(program) ?? throw new InvalidOperationException($"{program} does not run");

    /// <summary>By executable, so that a supervisor that has the name among its arguments is not taken for it.</summary>
    static Task<string?> FindPidAsync(string program) => Task.Run(() => Directory.GetDirectories("/proc")
        .Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0]) && ExecutableOf(folder) == program)
        .Select(Path.GetFileName).FirstOrDefault());

    static string? ExecutableOf(string process)
    {
        try
        {
            return File.ResolveLinkTarget($"{process}/exe", returnFinalTarget: false)?.FullName;
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
