using Grpc.Core;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class HistoryQueryTests : IAsyncLifetime
{
    const long Second = 1_000_000_000;
    static readonly long Start = CollectorItems.NowNs - 600 * Second;
    CollectorFixture _collector = null!;
    WireStream _stream = null!;

    /// <summary>One fixed scene: two containers of two namespaces, processes, network, files, an anomaly, coverage.</summary>
    public async ValueTask InitializeAsync()
    {
        _collector = await CollectorFixture.StartAsync();
        _stream = await (await _collector.EnrolAsync("node-a")).ConnectAsync(spool: 9);
        await _stream.SendAsync(1,
            new Record { Container = CollectorItems.Container("c0ffee", "shop") },
            new Record { Container = CollectorItems.Container("beef01", "blog", "docker.io/library/wordpress") },
            CollectorItems.Exec("c0ffee", 10, "/usr/sbin/nginx", Start, "nginx", "-g", "daemon off;"),
            CollectorItems.Exec("beef01", 11, "/usr/bin/curl", Start + 10 * Second, "curl", "-d", "Secret PLACE", "http://x"),
            new Record { Exit = new ProcessExit { ContainerId = "beef01", Pid = 11, StartUnixNs = 1_700_000_000_000_000_011, TimeUnixNs = Start + 20 * Second, ExitCode = 3 << 8 } },
            Activity("c0ffee", EventKind.Connect, "nginx", "db.shop.svc:5432", "", "10.1.2.3", 5432, Start + 30 * Second),
            Activity("beef01", EventKind.Connect, "php", "198.51.100.0/24:eph", "", "2001:db8::7", 443, Start + 31 * Second),
            Activity("c0ffee", EventKind.Write, "nginx", "/var/log/*n.log", "/var/log/access.log", "", 0, Start + 40 * Second),
            Activity("c0ffee", EventKind.Write, "nginx", "/var/lib/100%_x", "/var/lib/100%_x", "", 0, Start + 41 * Second),
            new Record { Coverage = new Coverage { FromUnixNs = Start, ToUnixNs = Start + 60 * Second, Sensor = "ebpf" } });
        await _stream.AckedAsync(Lane.Records, 10);
        var anomaly = CollectorItems.Anomaly(timeNs: Start + 50 * Second);
        (anomaly.Peer, anomaly.Port) = ("198.51.100.7", 4444);
        await _stream.SendAsync(1, anomaly);
        await _stream.AckedAsync(Lane.Anomalies, 1);
        await _collector.AskUntilAsync(new HistoryQuery { Kinds = { "anomaly" } }, rows => rows.Count == 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _collector.DisposeAsync();
    }

    [Fact]
    public async Task A_peer_with_a_name_is_shown_and_found_by_name_and_by_address()
    {
        var connect = Activity("c0ffee", EventKind.Connect, "nginx", "tcp public api.example.com:443", "", "203.0.113.7", 443, Start + 45 * Second);
        connect.Activity.PeerName = "api.example.com";
        var asked = Activity("c0ffee", EventKind.Dns, "nginx", "api.example.com", "", "", 0, Start + 44 * Second);
        asked.Activity.PeerName = "API.example.com";
        await _stream.SendAsync(11, connect, asked);
        await _stream.AckedAsync(Lane.Records, 12);
        var byAddress = await _collector.AskUntilAsync(new HistoryQuery { Peer = "203.0.113.7" }, rows => rows.Count == 1);
        Assert.Equal("api.example.com:443 (203.0.113.7)", Assert.Single(byAddress).Subject);
        var byName = await _collector.AskUntilAsync(new HistoryQuery { Text = "api.example.com" }, rows => rows.Count == 2);
        Assert.Equal(["connect", "dns"], byName.Select(row => row.Event).Order());
    }

    static Record Activity(string container, EventKind kind, string actor, string target, string example, string peer, uint port, long time) => new()
    {
        Activity = new Activity
        {
            ContainerId = container,
            Kind = kind,
            Class = peer.Length > 0 ? BehaviourClass.NetOut : BehaviourClass.FileWrite,
            Actor = actor,
            Object = target,
            Example = example,
            Peer = peer,
            Port = port,
            Count = 7,
            Pid = 10,
            StartUnixNs = 1_700_000_000_000_000_010,
            FirstUnixNs = time,
            LastUnixNs = time + Second,
            MinuteUnixNs = time,
        },
    };

    [Fact]
    public async Task One_query_per_filter_finds_exactly_its_rows()
    {
        (string Name, HistoryQuery Query, int Rows)[] table =
        [
            ("everything but coverage", new HistoryQuery(), 8),
            ("all kinds", new HistoryQuery { Kinds = { "exec", "exit", "activity", "anomaly", "coverage", "gap" } }, 9),
            ("execs", new HistoryQuery { Kinds = { "exec" } }, 2),
            ("a namespace", new HistoryQuery { Namespace = "blog" }, 3),
            ("part of an image", new HistoryQuery { Image = "word" }, 3),
            ("a container's id prefix", new HistoryQuery { Container = "beef" }, 3),
            ("a container's name", new HistoryQuery { Container = "web" }, 8),
            ("no such container", new HistoryQuery { Container = "eef" }, 0),
            ("a node", new HistoryQuery { Node = "node-a" }, 8),
            ("another node", new HistoryQuery { Node = "node-b" }, 0),
            ("an executable's path", new HistoryQuery { Process = "/usr/sbin/nginx" }, 1),
            ("an executable's last component", new HistoryQuery { Process = "nginx" }, 4),
            ("a pid", new HistoryQuery { Process = "11" }, 2),
            ("a path", new HistoryQuery { Path = "/var/log/access.log" }, 1),
            ("a path prefix", new HistoryQuery { Path = "/var/*" }, 2),
            ("a path with wildcards of SQL", new HistoryQuery { Path = "/var/lib/100%_*" }, 1),
            ("a percent sign is no wildcard", new HistoryQuery { Path = "/var/%" }, 0),
            ("an address", new HistoryQuery { Peer = "10.1.2.3" }, 1),
            ("a range", new HistoryQuery { Peer = "10.0.0.0/8" }, 1),
            ("a range of IPv6", new HistoryQuery { Peer = "2001:db8::/32" }, 1),
            ("every IPv4 address", new HistoryQuery { Peer = "0.0.0.0/0" }, 2),
            ("the peer of an anomaly", new HistoryQuery { Peer = "198.51.100.0/24", Kinds = { "anomaly" } }, 1),
            ("its port", new HistoryQuery { Peer = "198.51.100.7:4444", Kinds = { "anomaly" } }, 1),
            ("another port", new HistoryQuery { Peer = "198.51.100.7:4445", Kinds = { "anomaly" } }, 0),
            ("address and port", new HistoryQuery { Peer = "10.1.2.3:5432" }, 1),
            ("address and another port", new HistoryQuery { Peer = "10.1.2.3:80" }, 0),
            ("IPv6 address and port", new HistoryQuery { Peer = "[2001:db8::7]:443" }, 1),
            ("text across arguments", new HistoryQuery { Text = "-d secret place" }, 1),
            ("text in a behaviour", new HistoryQuery { Text = "db.shop.svc" }, 1),
            ("text that would be SQL", new HistoryQuery { Text = "' OR 1=1 --" }, 0),
            ("a time range", new HistoryQuery { FromUnixNs = Start + 5 * Second, ToUnixNs = Start + 25 * Second }, 2),
            ("a limit", new HistoryQuery { Limit = 3 }, 3),
        ];
        foreach (var (name, query, expected) in table)
        {
            var (rows, end) = await _collector.AskAsync(query);
            Assert.True(expected == rows.Count, $"{name}: {expected} rows expected, {rows.Count} came: {string.Join("; ", rows)}");
            Assert.Equal(rows.OrderByDescending(row => row.TimeUnixNs).Select(row => row.TimeUnixNs), rows.Select(row => row.TimeUnixNs));
            Assert.False(end.Partial);
        }
    }

    [Fact]
    public async Task Rows_carry_the_container_they_happened_in_and_the_process_as_sent()
    {
        var (rows, _) = await _collector.AskAsync(new HistoryQuery { Process = "/usr/bin/curl", Kinds = { "exec" } });
        var row = Assert.Single(rows);

        Assert.Equal("blog", row.Container.Workload.Namespace);
        Assert.Equal("web-1", row.Container.Pod);
        Assert.Equal(["curl", "-d", "Secret PLACE", "http://x"], row.Process.Args);
        Assert.Equal(1, row.Process.ParentPid);
        Assert.Equal("exec", row.Event);

        var exit = Assert.Single((await _collector.AskAsync(new HistoryQuery { Kinds = { "exit" } })).Rows);
        Assert.Equal("exit code 3", exit.Detail);
        // An exit names its executable: that of the exec with the same pid and start.
        var exec = Assert.Single((await _collector.AskAsync(new HistoryQuery { Kinds = { "exec" } })).Rows, row => row.Process.Pid == 11);
        Assert.Equal(exec.Process.Exe, exit.Process.Exe);
        Assert.NotEmpty(exit.Process.Exe);
    }

    [Fact]
    public async Task Cursors_walk_through_everything_once()
    {
        var seen = new List<string>();
        var cursor = "";
        do
        {
            var (rows, end) = await _collector.AskAsync(new HistoryQuery { Limit = 3, Cursor = cursor, Kinds = { "exec", "exit", "activity", "anomaly" } });
            seen.AddRange(rows.Select(row => $"{row.TimeUnixNs} {row.Kind} {row.Subject}"));
            cursor = end.NextCursor;
        }
        while (cursor.Length > 0);

        Assert.Equal(8, seen.Count);
        Assert.Equal(8, seen.Distinct().Count());
    }

    [Fact]
    public async Task The_answer_says_what_was_watched()
    {
        var (_, end) = await _collector.AskAsync(new HistoryQuery { FromUnixNs = Start, ToUnixNs = Start + 100 * Second });
        Assert.Equal(Start, end.Coverage.FromUnixNs);
        // The node enrolled after the scene's coverage: what came before is not its to cover.
        Assert.Empty(end.Coverage.Nodes);

        var (_, now) = await _collector.AskAsync(new HistoryQuery());
        Assert.Equal("node-a", Assert.Single(now.Coverage.Nodes).Node);
    }

    [Fact]
    public async Task A_senseless_query_is_refused_with_its_reason()
    {
        (HistoryQuery Query, string Reason)[] table =
        [
            (new HistoryQuery { FromUnixNs = 2, ToUnixNs = 1 }, "range is empty"),
            (new HistoryQuery { ToUnixNs = long.MinValue }, "range is empty"),
            (new HistoryQuery { Kinds = { "exec", "nonsense" } }, "'nonsense'"),
            (new HistoryQuery { Peer = "10.0.0.0/99" }, "10.0.0.0/99"),
            (new HistoryQuery { Cursor = "1;DROP TABLE events" }, "cursor"),
            (new HistoryQuery { Text = new string('x', 5000) }, "longer than"),
        ];
        foreach (var (query, reason) in table)
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() => _collector.AskAsync(query));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.Contains(reason, refused.Status.Detail, StringComparison.Ordinal);
        }
    }
}
