using Grpc.Core;
using RuntimeGuard.Collector.Gateway;
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
        Assert.Equal(1, _collector.Server.Parts.Diagnostics.SequenceHoles.WithLabels("anomalies").Value);
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

    [Fact]
    public async Task Of_the_spools_of_one_node_the_latest_are_remembered()
    {
        await _collector.EnrolAsync("node-b");
        var other = new LaneKey("node-b", 1);
        var lane = _collector.Server.Parts.Anomalies;
        Task<ulong> CommitAsync(LaneKey key) => lane.CommitAsync(
            key, new Batch { Lane = Lane.Anomalies, FirstSeq = 1, Anomalies = { CollectorItems.Anomaly() } }, CancellationToken.None);
        await CommitAsync(other);

        for (var spool = 1ul; spool <= 40; spool++)
        {
            await CommitAsync(new LaneKey("node-a", spool));
        }

        Assert.Equal(0ul, await lane.CommittedAsync(new LaneKey("node-a", 8), CancellationToken.None));
        Assert.Equal(1ul, await lane.CommittedAsync(new LaneKey("node-a", 9), CancellationToken.None));
        Assert.Equal(1ul, await lane.CommittedAsync(new LaneKey("node-a", 40), CancellationToken.None));
        Assert.Equal(1ul, await lane.CommittedAsync(other, CancellationToken.None));
        Assert.Equal(8, _collector.Server.Parts.Diagnostics.SpoolsForgotten.WithLabels("anomalies").Value);
    }

    public static TheoryData<string, Action<Anomaly>> WithoutIdentity => new()
    {
        { "no time", a => a.TimeUnixNs = 0 },
        { "time beyond clocks", a => a.TimeUnixNs = long.MaxValue },
        { "another node's name", a => a.Node = "node-b" },
        { "no class", a => a.Class = BehaviourClass.Unspecified },
        { "unknown class", a => a.Class = (BehaviourClass)(-1) },
        { "no container", a => a.Container = null },
        { "no container id", a => a.Container.Id = "" },
        { "endless container id", a => a.Container.Id = new string('x', 600) },
        { "no workload", a => a.Container.Workload = null },
        { "endless image", a => a.Container.Workload.Image = new string('x', 600) },
    };

    [Theory]
    [MemberData(nameof(WithoutIdentity), DisableDiscoveryEnumeration = true)]
    public async Task An_item_without_identity_is_acked_and_counted_and_its_neighbours_are_stored(string what, Action<Anomaly> spoil)
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

    public static TheoryData<string, Action<Anomaly>, Func<Anomaly, bool>> TooLarge => new()
    {
        { "no kind", a => a.Kind = EventKind.Unspecified, a => a.Kind == EventKind.Unspecified },
        { "a kind of a later agent", a => a.Kind = (EventKind)4711, a => (int)a.Kind == 4711 },
        { "no process", a => a.Process = null, a => a.Process is not null },
        { "negative pid", a => a.Process.Pid = -1, a => a.Process.Pid == 0 },
        { "endless path", a => a.Process.Exe = new string('x', 5000), a => a.Process.Exe.Length == 4096 },
        { "too many arguments", a => a.Process.Args.AddRange(Enumerable.Repeat("x", 5000)), a => a.Process is { Args.Count: 4096, ArgsTruncated: true } },
        { "too long arguments", a => a.Process.Args.Add(new string('x', 70_000)), a => a.Process is { Args.Count: 3, ArgsTruncated: true } && a.Process.Args[2].Length > 60_000 },
        { "too many ancestors", a => a.Ancestors.AddRange(Enumerable.Repeat(new Process(), 100)), a => a.Ancestors.Count == 64 },
        { "ancestors of a megabyte", a => a.Ancestors.AddRange(Enumerable.Repeat(CollectorItems.Process(7, "/x", new string('y', 60_000)), 20)),
            a => a.Ancestors.Count == 21 && a.Ancestors[^1] is { Args.Count: 0, ArgsTruncated: true } && a.CalculateSize() <= 512 << 10 },
        { "endless subject", a => a.Subject = new string('x', 20_000), a => a.Subject.Length == 16_384 },
        { "a subject cut inside a character", a => a.Subject = new string('x', 16_383) + "\ud83d\ude00", a => a.Subject.Length == 16_383 },
        { "endless summary", a => a.Summary = new string('x', 20_000), a => a.Summary.Length == 16_384 },
        { "endless container name", a => a.Container.Name = new string('x', 2000), a => a.Container.Name.Length == 512 },
        { "score that is no number", a => a.Explanation.Score = double.NaN, a => a.Explanation.Score == 0 },
        { "negative score", a => a.Explanation.Score = -1, a => a.Explanation.Score == 0 },
        { "endless score", a => a.Explanation.Score = double.PositiveInfinity, a => a.Explanation.Score == 0 },
        { "too many losses", a => a.Losses.AddRange(Enumerable.Repeat(new Loss(), 100)), a => a.Losses.Count == 64 },
    };

    [Theory]
    [MemberData(nameof(TooLarge), DisableDiscoveryEnumeration = true)]
    public async Task What_is_too_large_or_nonsense_in_an_anomaly_is_cut_and_the_anomaly_is_stored(
        string what, Action<Anomaly> spoil, Func<Anomaly, bool> fits)
    {
        var anomaly = CollectorItems.Anomaly();
        spoil(anomaly);
        await using var stream = await _agent.ConnectAsync(spool: 7);

        await stream.SendAsync(1, anomaly);
        await stream.AckedAsync(Lane.Anomalies, 1);

        var stored = Assert.Single((await Alerts.ListAsync(new ListAlertsRequest())).Alerts).Worst;
        Assert.True(fits(stored), what);
        Assert.Equal(anomaly.Summary[..10], stored.Summary[..10]);
    }

    [Fact]
    public async Task The_most_an_agent_can_see_of_a_command_line_and_its_ancestors_is_stored_whole()
    {
        var args = Enumerable.Repeat("x", 2048).ToArray();
        var path = "/" + new string('p', 4095);
        var anomaly = CollectorItems.Anomaly();
        anomaly.Process = CollectorItems.Process(101, path, args);
        anomaly.Subject = path;
        anomaly.Ancestors.Clear();
        anomaly.Ancestors.AddRange(Enumerable.Range(1, 16).Select(pid => CollectorItems.Process(pid, path, args)));
        foreach (var process in anomaly.Ancestors.Append(anomaly.Process))
        {
            process.Comm = process.Comm[..15];
        }
        await using var stream = await _agent.ConnectAsync(spool: 7);

        await stream.SendAsync(1, anomaly);
        await stream.AckedAsync(Lane.Anomalies, 1);

        var stored = Assert.Single((await Alerts.ListAsync(new ListAlertsRequest())).Alerts).Worst;
        anomaly.Node = "node-a";
        Assert.True(anomaly.Equals(stored), "something was cut");
        Assert.Equal(0, _collector.Server.Parts.Diagnostics.ItemsShortened.WithLabels("anomalies").Value);
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
