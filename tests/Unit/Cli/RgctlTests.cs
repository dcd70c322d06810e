using System.Net;
using System.Text.Json;
using RuntimeGuard.Cli;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Cli;

/// <summary>rgctl against a real collector: real ports, real certificates, real logins.</summary>
public sealed class RgctlTests : IAsyncLifetime
{
    readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("rgctl-");
    CollectorFixture _collector = null!;

    public async ValueTask InitializeAsync() => _collector = await CollectorFixture.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _collector.DisposeAsync();
        _home.Delete(recursive: true);
    }

    string Server => $"localhost:{_collector.Server.Port}";

    [Fact]
    public async Task A_login_is_kept_until_logout()
    {
        await LogInAsync();
        Assert.Contains("admin (admin) at localhost:", (await RunAsync("whoami")).Output);
        var me = JsonDocument.Parse((await RunAsync("whoami -o json")).Output).RootElement;
        Assert.Equal("admin", me.GetProperty("role").GetString());

        Assert.Equal(0, (await RunAsync("logout")).Code);
        var after = await RunAsync("whoami");
        Assert.Equal(3, after.Code);
        Assert.Contains("rgctl login", after.Error);
    }

    [Fact]
    public async Task The_fingerprint_of_the_ca_is_enough_to_trust_and_a_wrong_one_is_not()
    {
        var hash = _collector.Server.Parts.Authority.KeyHash;
        Assert.Equal(0, (await RunAsync($"login --server {Server} --ca-fingerprint sha256:{hash} --user admin --password-stdin",
            _collector.AdminPassword)).Code);
        Assert.Equal(0, (await RunAsync("whoami")).Code);

        var other = (hash[0] == '0' ? '1' : '0') + hash[1..];
        var wrong = await RunAsync($"login --server {Server} --ca-fingerprint sha256:{other} --user admin --password-stdin",
            _collector.AdminPassword);
        Assert.Equal(5, wrong.Code);
        Assert.Contains("no CA with that fingerprint", wrong.Error);
    }

    [Fact]
    public async Task A_wrong_password_and_a_server_of_another_ca_are_refused()
    {
        var password = await RunAsync($"login --server {Server} --ca {_collector.CaPath} --user admin --password-stdin", "wrong");
        Assert.Equal(3, password.Code);

        await using var other = await CollectorFixture.StartAsync();
        var stranger = await RunAsync($"login --server {Server} --ca {other.CaPath} --user admin --password-stdin", _collector.AdminPassword);
        Assert.Equal(5, stranger.Code);
        Assert.Contains("does not show a certificate of the trusted CA", stranger.Error);
    }

    [Fact]
    public async Task Alerts_are_listed_and_shown_with_everything_they_are_made_of()
    {
        await LogInAsync();
        Assert.StartsWith("no alerts\ncoverage:", (await RunAsync("alerts list")).Output);
        await using (var stream = await (await _collector.EnrolAsync("n1")).ConnectAsync(1))
        {
            await stream.SendAsync(1, CollectorItems.Anomaly(lineage: 100), CollectorItems.Anomaly(lineage: 100, rule: "reverse-shell"),
                CollectorItems.Anomaly(lineage: 200));
            await stream.AckedAsync(Lane.Anomalies, 3);
        }

        var lines = (await RunAsync("alerts list -o jsonl")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(2, lines.Count);
        var worst = lines.Single(line => line.GetProperty("rule").GetString() == "reverse-shell");
        Assert.Equal(2, worst.GetProperty("count").GetInt32());
        Assert.Equal("n1", worst.GetProperty("node").GetString());
        Assert.Equal("shop", worst.GetProperty("namespace").GetString());

        var table = (await RunAsync("alerts list")).Output;
        Assert.Contains("critical", table);
        Assert.Equal(2, JsonDocument.Parse((await RunAsync("alerts list -o json")).Output).RootElement.GetProperty("alerts").GetArrayLength());

        var id = worst.GetProperty("id").GetString()!;
        var shown = (await RunAsync($"alerts show {id}")).Output;
        Assert.Contains("critical rule reverse-shell", shown);
        Assert.Contains("started by /bin/sh", shown);
        Assert.Equal(2, JsonDocument.Parse((await RunAsync($"alerts show {id} -o json")).Output).RootElement.GetProperty("members").GetArrayLength());
        Assert.Equal(4, (await RunAsync("alerts show 0000000000")).Code);
    }

    [Fact]
    public async Task An_alert_of_more_anomalies_than_a_page_holds_is_shown_whole()
    {
        const int members = 1100;
        await LogInAsync();
        await using (var stream = await (await _collector.EnrolAsync("n1")).ConnectAsync(1))
        {
            await stream.SendAsync(1, [.. Enumerable.Range(0, 1000).Select(_ => CollectorItems.Anomaly())]);
            await stream.SendAsync(1001, [.. Enumerable.Range(1000, members - 1000).Select(_ => CollectorItems.Anomaly())]);
            await stream.AckedAsync(Lane.Anomalies, members);
        }
        var id = JsonDocument.Parse((await RunAsync("alerts list -o jsonl")).Output).RootElement.GetProperty("id").GetString()!;

        var cut = JsonDocument.Parse((await RunAsync($"alerts show {id} -o json")).Output).RootElement;
        var whole = JsonDocument.Parse((await RunAsync($"alerts show {id} --limit 5000 -o json")).Output).RootElement;

        Assert.Equal((1000, true), (cut.GetProperty("members").GetArrayLength(), cut.GetProperty("members_cut").GetBoolean()));
        Assert.Equal((members, false), (whole.GetProperty("members").GetArrayLength(), whole.GetProperty("members_cut").GetBoolean()));
        Assert.Contains($"the first 1000 of {members} anomalies; more with --limit", (await RunAsync($"alerts show {id}")).Output);
    }

    [Fact]
    public async Task A_watch_shows_each_alert_once_over_a_restart_of_the_collector()
    {
        await _collector.StopServerAsync();
        await _collector.DisposeAsync();
        var ports = (Agents: FreePort(), People: FreePort());
        _collector = await CollectorFixture.StartAsync(configure: options => options with
        {
            AgentListen = new IPEndPoint(IPAddress.Loopback, ports.Agents),
            Listen = new IPEndPoint(IPAddress.Loopback, ports.People),
        });
        await LogInAsync();
        var agent = await _collector.EnrolAsync("n1");
        await using (var stream = await agent.ConnectAsync(1))
        {
            await stream.SendAsync(1, CollectorItems.Anomaly(lineage: 50));
            await stream.AckedAsync(Lane.Anomalies, 1);
        }

        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var stop = new CancellationTokenSource();
        var terminal = Terminal.ForText(TextWriter.Synchronized(output), TextWriter.Synchronized(error), Environment, 120);
        var watch = new AlertWatch(new Session(terminal), OutputFormat.JsonLines, new AlertFilter(), backlog: false).RunAsync(stop.Token);
        await Eventually.HoldsAsync("the watch says that it watches", () => error.ToString().Contains("watching alerts"));

        await using (var stream = await agent.ConnectAsync(1))
        {
            await stream.SendAsync(2, CollectorItems.Anomaly(lineage: 100));
            await Eventually.HoldsAsync("the first alert is shown", () => Ids(output).Count == 1);
        }

        await _collector.StopServerAsync();
        await Eventually.HoldsAsync("the loss is said", () => error.ToString().Contains("lost; trying again"));
        await _collector.StartServerAsync();
        await using (var stream = await agent.ConnectAsync(1))
        {
            await stream.SendAsync(3, CollectorItems.Anomaly(lineage: 200), CollectorItems.Anomaly(lineage: 300));
            await Eventually.HoldsAsync("the later alerts are shown", () => Ids(output).Count >= 3);
        }

        await stop.CancelAsync();
        Assert.Equal(0, await watch);
        Assert.Equal(3, Ids(output).Count);
        Assert.Equal(3, Ids(output).Distinct().Count());
    }

    [Fact]
    public async Task Workloads_are_learned_locked_and_unlocked_with_a_reason()
    {
        await LogInAsync();
        var agent = await _collector.EnrolAsync("n1");
        await using var stream = await agent.ConnectAsync(1);
        await stream.SendAsync(new FromAgent
        {
            Watch = new WatchWorkloads { Workloads = { new Workload { Namespace = "shop", Image = "docker.io/library/nginx" } } },
        });
        await Eventually.HoldsAsync("the workload is listed", async () => (await RunAsync("workloads list -o jsonl")).Output.Contains("docker.io/library/nginx"));

        Assert.Contains("learning", (await RunAsync("workloads list")).Output);
        var locked = await RunAsync("workloads lock shop/nginx --reason checked");
        Assert.Contains("shop/docker.io/library/nginx is locked by hand", locked.Output);
        var detail = JsonDocument.Parse((await RunAsync("workloads show shop/nginx -o json")).Output).RootElement;
        Assert.Equal("locked_by_hand", detail.GetProperty("mode").GetString());
        Assert.Equal("checked", detail.GetProperty("reason").GetString());
        Assert.Contains("checked", (await RunAsync("workloads show shop/nginx")).Output);
        Assert.DoesNotContain("locked by hand", (await RunAsync("workloads unlock shop/nginx")).Output);
        Assert.Contains("learns until", (await RunAsync("workloads learn shop/nginx --duration 2h")).Output);
        Assert.Equal(0, (await RunAsync("baseline show shop/nginx")).Code);
        Assert.Equal(4, (await RunAsync("workloads show shop/absent")).Code);

        Assert.Contains("n1", (await RunAsync("nodes list")).Output);
        Assert.Contains("n1 is connected", (await RunAsync("nodes show n1")).Output);
        Assert.Equal("n1", JsonDocument.Parse((await RunAsync("nodes show n1 -o jsonl")).Output).RootElement.GetProperty("node").GetString());
        Assert.Equal(4, (await RunAsync("nodes show absent")).Code);
    }

    [Fact]
    public async Task History_answers_with_rows_and_with_what_was_watched()
    {
        await LogInAsync();
        await using (var stream = await (await _collector.EnrolAsync("n1")).ConnectAsync(1))
        {
            await stream.SendAsync(1, new Proto.Record { Container = CollectorItems.Container() },
                CollectorItems.Exec("c0ffee", 4711, "/usr/bin/curl", CollectorItems.NowNs, "curl", "\u001b[2J"));
            await stream.AckedAsync(Lane.Records, 2);
        }

        var row = JsonDocument.Parse((await RunAsync("history query --since 15m --kind exec -o jsonl")).Output).RootElement;
        Assert.Equal(4711, row.GetProperty("process").GetProperty("pid").GetInt32());
        Assert.Equal("shop", row.GetProperty("namespace").GetString());

        var table = (await RunAsync("history query --process curl")).Output;
        Assert.Contains("curl \\x1b[2J", table);
        Assert.Contains("coverage:", table);
        Assert.StartsWith("nothing found\n", (await RunAsync("history query --process absent")).Output);
    }

    [Fact]
    public async Task Nodes_show_what_they_lost_in_the_last_day()
    {
        await LogInAsync();
        await using (var stream = await (await _collector.EnrolAsync("n1")).ConnectAsync(1))
        {
            await stream.SendAsync(1, new Proto.Record
            {
                Coverage = new Coverage
                {
                    FromUnixNs = CollectorItems.NowNs - 60_000_000_000,
                    ToUnixNs = CollectorItems.NowNs,
                    Sensor = "ebpf",
                    Losses = { new Loss { Cause = "ring_full", EventClass = "open", Count = 1234 } },
                },
            });
            await stream.AckedAsync(Lane.Records, 1);
        }

        Assert.Contains(" 1234 ", (await RunAsync("nodes list")).Output);
        Assert.Contains("lost in the last 24 h: 1234 open events (ring_full)", (await RunAsync("nodes show n1")).Output);
        var node = JsonDocument.Parse((await RunAsync("nodes list -o jsonl")).Output).RootElement;
        Assert.Equal(1234, Assert.Single(node.GetProperty("losses").EnumerateArray()).GetProperty("count").GetInt32());
    }

    [Fact]
    public async Task A_join_token_goes_to_standard_output_alone()
    {
        await LogInAsync();
        var (code, output, error) = await RunAsync("admin join-token --node n7");
        Assert.Equal(0, code);
        Assert.Equal(3, Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Split('.').Length);
        Assert.Contains("valid until", error);
    }

    static List<string> Ids(StringWriter output) => output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!).ToList();

    static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    async Task LogInAsync()
    {
        var (code, output, error) = await RunAsync($"login --server {Server} --ca {_collector.CaPath} --user admin --password-stdin",
            _collector.AdminPassword);
        Assert.True(code == 0, error);
        Assert.Contains("logged in to localhost:", output);
    }

    string? Environment(string name) => name == "HOME" ? _home.FullName : null;

    async Task<(int Code, string Output, string Error)> RunAsync(string arguments, string input = "")
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var terminal = Terminal.ForText(output, error, Environment, 200, new StringReader(input));
        var code = await CommandLine.RunAsync(arguments.Split(' '), terminal);
        return (code, output.ToString(), error.ToString());
    }
}
