using Grpc.Core;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class AnomalyLaneTests : IAsyncLifetime
{
    CollectorFixture _collector = null!;
    WireAgent _agent = null!;

    public async ValueTask InitializeAsync()
    {
        _collector = await CollectorFixture.StartAsync();
        _agent = await _collector.EnrolAsync("node-a");
    }

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    Alerts.AlertsClient Alerts => new(_collector.Admin());

    [Fact]
    public async Task An_anomaly_sent_over_mutual_tls_is_acked_and_listed_as_an_alert()
    {
        await using var stream = await _agent.ConnectAsync(spool: 7);
        Assert.Equal(0ul, stream.Welcome.AnomaliesCommitted);
        Assert.Equal(1, stream.Welcome.TimeScale);

        await stream.SendAsync(1, CollectorItems.Anomaly());
        await stream.AckedAsync(Lane.Anomalies, 1);

        var alert = Assert.Single((await Alerts.ListAsync(new ListAlertsRequest())).Alerts);
        Assert.Equal("node-a", alert.Worst.Node);
        Assert.Equal(1ul, alert.Count);
        Assert.Equal(AlertState.Open, alert.State);
    }

    [Fact]
    public async Task Repeats_are_acked_and_stored_once()
    {
        await using (var first = await _agent.ConnectAsync(spool: 7))
        {
            await first.SendAsync(1, CollectorItems.Anomaly(), CollectorItems.Anomaly());
            await first.AckedAsync(Lane.Anomalies, 2);
        }
        await using var second = await _agent.ConnectAsync(spool: 7);
        Assert.Equal(2ul, second.Welcome.AnomaliesCommitted);

        await second.SendAsync(1, CollectorItems.Anomaly(), CollectorItems.Anomaly());
        await second.SendAsync(2, CollectorItems.Anomaly(), CollectorItems.Anomaly());
        await second.AckedAsync(Lane.Anomalies, 3);

        Assert.Equal(3ul, Assert.Single((await Alerts.ListAsync(new ListAlertsRequest())).Alerts).Count);
    }

    [Fact]
    public async Task A_hole_in_the_sequence_is_refused_with_what_is_next()
    {
        await using var stream = await _agent.ConnectAsync(spool: 7);
        await stream.SendAsync(1, CollectorItems.Anomaly());
        await stream.SendAsync(3, CollectorItems.Anomaly());

        var status = await stream.EndedAsync();

        Assert.Equal(StatusCode.FailedPrecondition, status.StatusCode);
        Assert.Contains("2 is next", status.Detail, StringComparison.Ordinal);
        Assert.Equal(1ul, stream.Acked(Lane.Anomalies));
    }

    [Fact]
    public async Task Two_spools_of_one_node_number_their_items_apart()
    {
        await using (var old = await _agent.ConnectAsync(spool: 7))
        {
            await old.SendAsync(1, CollectorItems.Anomaly());
            await old.AckedAsync(Lane.Anomalies, 1);
        }
        await using var fresh = await _agent.ConnectAsync(spool: ulong.MaxValue);
        Assert.Equal(0ul, fresh.Welcome.AnomaliesCommitted);
        await fresh.SendAsync(1, CollectorItems.Anomaly());
        await fresh.AckedAsync(Lane.Anomalies, 1);

        Assert.Equal(2ul, Assert.Single((await Alerts.ListAsync(new ListAlertsRequest())).Alerts).Count);
    }

    public static TheoryData<string, Action<Anomaly>> OutOfBounds => new()
    {
        { "no time", a => a.TimeUnixNs = 0 },
        { "time beyond clocks", a => a.TimeUnixNs = long.MaxValue },
        { "another node's name", a => a.Node = "node-b" },
        { "no kind", a => a.Kind = EventKind.Unspecified },
        { "unknown kind", a => a.Kind = (EventKind)4711 },
        { "unknown class", a => a.Class = (BehaviourClass)(-1) },
        { "no container", a => a.Container = null },
        { "no container id", a => a.Container.Id = "" },
        { "no workload", a => a.Container.Workload = null },
        { "no process", a => a.Process = null },
        { "negative pid", a => a.Process.Pid = -1 },
        { "endless path", a => a.Process.Exe = new string('x', 5000) },
        { "too many arguments", a => a.Process.Args.AddRange(Enumerable.Repeat("x", 1100)) },
        { "too long arguments", a => a.Process.Args.Add(new string('x', 70_000)) },
        { "too many ancestors", a => a.Ancestors.AddRange(Enumerable.Repeat(new Process(), 100)) },
        { "endless subject", a => a.Subject = new string('x', 20_000) },
        { "score that is no number", a => a.Explanation.Score = double.NaN },
        { "negative score", a => a.Explanation.Score = -1 },
        { "endless score", a => a.Explanation.Score = double.PositiveInfinity },
        { "too many losses", a => a.Losses.AddRange(Enumerable.Repeat(new Loss(), 100)) },
    };

    [Theory]
    [MemberData(nameof(OutOfBounds), DisableDiscoveryEnumeration = true)]
    public async Task An_item_out_of_bounds_is_acked_and_counted_and_its_neighbours_are_stored(string what, Action<Anomaly> spoil)
    {
        Assert.NotEmpty(what);
        var bad = CollectorItems.Anomaly();
        spoil(bad);
        await using var stream = await _agent.ConnectAsync(spool: 7);

        await stream.SendAsync(1, CollectorItems.Anomaly(), bad, CollectorItems.Anomaly());
        await stream.AckedAsync(Lane.Anomalies, 3);

        Assert.Equal(2ul, Assert.Single((await Alerts.ListAsync(new ListAlertsRequest())).Alerts).Count);
        var rejected = _collector.Server.Parts.Diagnostics.ItemsRejected;
        Assert.Equal(1, rejected.GetAllLabelValues().Sum(labels => rejected.WithLabels(labels).Value));
    }

    [Fact]
    public async Task Control_characters_are_kept_as_data()
    {
        var odd = CollectorItems.Anomaly();
        odd.Subject = "/tmp/\u001b[2J\n\r\u0000\u202e\ud83d\ude00";
        odd.Process.Args.Add("a\nb\0c");
        await using var stream = await _agent.ConnectAsync(spool: 7);
        await stream.SendAsync(1, odd);
        await stream.AckedAsync(Lane.Anomalies, 1);

        var alert = Assert.Single((await Alerts.ListAsync(new ListAlertsRequest())).Alerts);

        Assert.Equal(odd.Subject, alert.Worst.Subject);
        Assert.Equal(odd.Process.Args, alert.Worst.Process.Args);
    }
}
