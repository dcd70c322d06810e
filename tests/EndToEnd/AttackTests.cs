using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>
/// Attacks on a learned, locked workload, each asserted by the fields rgctl shows. They run at once on the first look;
/// every row then waits for its own alert.
/// </summary>
[Collection(nameof(LearnedShop))]
[Trait("Category", "EndToEnd")]
public sealed class AttackTests(LearnedShop shop)
{
    const string Tool = "/usr/bin/tool";
    const string Token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    const string RuntimeSocket = "/run/containerd/containerd.sock";
    const string Hostile = "\u001b[2J\u001b]0;owned\a\r\nALERT all is well\u202e";

    static readonly SemaphoreSlim Once = new(1);
    static readonly TcpListener Attacker = Listen();
    static readonly int NewPort = FreeMiddlePort();
    static Dictionary<string, (long From, long To)>? s_done;

    static int AttackerPort => ((IPEndPoint)Attacker.LocalEndpoint).Port;

    /// <summary>Name, how it is done, and what rgctl must show: kind, part of the subject, rule (empty: the lock alone).</summary>
    public static TheoryData<string, string, string, string> Attacks => new()
    {
        { "shell from the web server", "exec", "/bin/sh", "shell-from-server" },
        { "reverse shell", "exec", "sh", "reverse-shell" },
        { "service account token", "open", Token, "credential-read" },
        { "password file", "open", "/etc/shadow", "credential-read" },
        { "dropped binary", "exec", "/tmp/dropped", "exec-not-in-image" },
        { "memfd", "exec", "", "exec-memfd" },
        { "deleted binary", "exec", "/tmp/gone", "exec-deleted" },
        { "ptrace", "ptrace", "", "ptrace" },
        { "writing another's memory", "process_vm_writev", "", "process-vm-writev" },
        { "mount", "mount", "/mnt", "mount" },
        { "unshare", "unshare", "", "unshare" },
        { "setuid", "chmod", "/tmp/suid", "" },
        { "cron", "create", "/etc/cron.d/evil", "cron" },
        { "preload", "create", "/etc/ld.so.preload", "ld-preload" },
        { "new peer port", "connect", "127.0.0.1", "" },
        { "new listening port", "listen", "", "" },
        // Reached by its mounted path, told by the name the runtime bound: a mount elsewhere cannot hide it.
        { "runtime socket", "connect", "/containerd.sock", "runtime-socket" },
        { "control characters", "exec", "/bin/echo", "" },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    public async Task An_attack_on_a_locked_workload_is_an_explained_alert(string attack, string kind, string subject, string rule)
    {
        var (from, to) = await DoneAsync(attack);

        var found = await shop.Alerts.FindAsync($"the alert of '{attack}'", a =>
            a["container_id"] == shop.Victim.Id && a["kind"] == kind && a["rule"] == rule && a.TimeUnixNs >= from
            && a["subject"].Contains(subject, StringComparison.Ordinal) && IsOf(attack, a));

        Assert.InRange(found.TimeUnixNs, from, to);
        Assert.Equal(
            ("shop", TestImages.ShopRepository, "1", "web", shop.Victim.Pod, LearnedShop.Node),
            (found["namespace"], found["image"], found["tag"], found["container_name"], found["pod"], found["node"]));
        Assert.StartsWith("sha256:", found["digest"]);
        Assert.NotEmpty(found["summary"]);
        Assert.NotEmpty(found["behaviour"]);
        Assert.NotEmpty(found["technique"]);
        Assert.Equal(JsonValueKind.Number, found.Json.GetProperty("score").ValueKind);
        Assert.True(found.Json.GetProperty("process").GetProperty("pid").GetInt32() > 1);
        if (rule.Length == 0)
            Assert.True(found.Json.GetProperty("strict_lock").GetBoolean());
        Assert.Equal("open", found.Alert.GetProperty("state").GetString());
        Assert.False(found.Json.ToString().Contains('\u001b'));
    }

    [Fact]
    public async Task A_shell_from_the_server_shows_whose_child_it_is()
    {
        await DoneAsync("shell from the web server");

        var found = await shop.Alerts.FindAsync("the shell", a =>
            a["container_id"] == shop.Victim.Id && a["rule"] == "shell-from-server");

        Assert.Contains("/usr/bin/shopd", found.Json.GetProperty("ancestors").EnumerateArray()
            .Select(p => p.GetProperty("exe").GetString()));
        var process = found.Json.GetProperty("process");
        Assert.Equal("/bin/sh", process.GetProperty("args")[0].GetString());
        Assert.True(process.GetProperty("seen_from_birth").GetBoolean());
    }

    [Fact]
    public async Task Nothing_an_intruder_writes_reaches_the_terminal_as_it_is()
    {
        await DoneAsync("control characters");
        await shop.Alerts.FindAsync("the alert of the escape", a => IsOf("control characters", a));

        foreach (var format in new[] { "table", "json", "jsonl" })
        {
            var shown = (await shop.Product.RgctlAsync("alerts", "list", "--limit", "1000", "-o", format)).Succeeded().Out;
            Assert.DoesNotContain(shown, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
            Assert.DoesNotContain("\nALERT all is well", shown);
        }
    }

    static bool IsOf(string attack, ShownAnomaly anomaly) => attack switch
    {
        "new peer port" => anomaly["subject"].Contains($"{AttackerPort}", StringComparison.Ordinal),
        "new listening port" => anomaly["subject"].Contains($"{NewPort}", StringComparison.Ordinal),
        "control characters" => anomaly.Json.GetProperty("process").GetProperty("args").EnumerateArray()
            .Any(a => a.GetString()!.Contains("all is well", StringComparison.Ordinal)),
        _ => true,
    };

    Task AttackAsync(string attack) => attack switch
    {
        "shell from the web server" => ShopClient.RunAsync(shop.VictimPort, "id"),
        "reverse shell" => ReverseShellAsync(),
        "service account token" => Exec("/bin/cat", Token),
        "password file" => Exec("/bin/cat", "/etc/shadow"),
        "dropped binary" => Exec("/bin/sh", "-c", "cp /bin/busybox /tmp/dropped && /tmp/dropped true"),
        "memfd" => Exec(Tool, "memfd"),
        "deleted binary" => Exec(Tool, "deleted", "/tmp/gone"),
        "ptrace" => Exec(Tool, "ptrace", "1"),
        "writing another's memory" => Exec(Tool, "vmwrite", "1"),
        "mount" => Exec(Tool, "mount"),
        "unshare" => Exec(Tool, "unshare"),
        "setuid" => Exec("/bin/sh", "-c", "cp /bin/busybox /tmp/suid && chmod 4755 /tmp/suid"),
        "cron" => Exec("/bin/sh", "-c", "echo '* * * * * root /tmp/x' > /etc/cron.d/evil"),
        "preload" => Exec("/bin/sh", "-c", "echo /tmp/x.so > /etc/ld.so.preload"),
        "new peer port" => Exec(Tool, "connect", $"{AttackerPort}"),
        "new listening port" => Exec(Tool, "listen", $"{NewPort}"),
        "runtime socket" => Exec(Tool, "unix", RuntimeSocket),
        "control characters" => Exec("/bin/echo", Hostile),
        _ => throw new ArgumentOutOfRangeException(nameof(attack), attack, "no such attack"),
    };

    Task<CommandResult> Exec(params string[] command) => shop.Victim.ExecAsync(command);

    /// <summary>Runs every attack the first time one is asked for; returns between which times this one ran.</summary>
    async Task<(long From, long To)> DoneAsync(string attack)
    {
        await Once.WaitAsync();
        try
        {
            if (s_done is null)
            {
                var attacks = Attacks.Select(row => row.Data.Item1);
                var done = await Task.WhenAll(attacks.Select(async name =>
                {
                    var from = UnixNs();
                    await AttackAsync(name);
                    return (name, from, to: UnixNs());
                }));
                s_done = done.ToDictionary(d => d.name, d => (d.from, d.to));
            }
        }
        finally
        {
            Once.Release();
        }
        return s_done[attack];
    }

    async Task ReverseShellAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var listener = Listen();
        var shell = Exec(Tool, "reverse", $"{((IPEndPoint)listener.LocalEndpoint).Port}");
        using var client = await listener.AcceptTcpClientAsync(deadline.Token);
        await client.GetStream().WriteAsync("exit\n"u8.ToArray(), deadline.Token);
        await shell;
    }

    static long UnixNs() => (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;

    static TcpListener Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, FreeMiddlePort());
        listener.Start();
        return listener;
    }

    /// <summary>A port no shop uses: theirs are ephemeral ones, which count as one.</summary>
    static int FreeMiddlePort()
    {
        while (true)
        {
            var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(10_000, 30_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Taken: another one.
            }
            finally
            {
                listener.Stop();
            }
        }
    }
}
