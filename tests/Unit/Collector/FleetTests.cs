using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector;
using RuntimeGuard.Collector.Hosting;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>What many replicas do is one alert, by the real collector over the wire.</summary>
public sealed class FleetTests : IAsyncLifetime
{
    const ulong Curl = 0xFFFF_0000_0000_0001, Wget = 2;
    CollectorFixture _collector = null!;

    public async ValueTask InitializeAsync() => _collector = await CollectorFixture.StartAsync();

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    Alerts.AlertsClient Alerts => new(_collector.Admin());

    async Task<IReadOnlyList<Alert>> ListAsync(AlertFilter? filter = null) =>
        (await Alerts.ListAsync(new ListAlertsRequest { Filter = filter })).Alerts;

    static Anomaly Did(string container, ulong behaviour, int lineage = 100, double score = 0.01, string rule = "", string image = "docker.io/library/nginx")
    {
        var anomaly = CollectorItems.Anomaly(lineage, score, rule, CollectorItems.Container(container, image: image));
        (anomaly.BehaviourKey, anomaly.Behaviour) = (behaviour, $"nginx -> /usr/bin/{(behaviour == Curl ? "curl" : "wget")}");
        anomaly.Explanation.Version = "1.25@sha256:abc";
        return anomaly;
    }

    async Task SendAsync(params Anomaly[] anomalies)
    {
        await using var stream = await (await _collector.EnrolAsync($"node-{Guid.NewGuid():n}")).ConnectAsync(spool: 1);
        await stream.SendAsync(1, anomalies);
        await stream.AckedAsync(Lane.Anomalies, (ulong)anomalies.Length);
    }

    [Fact]
    public async Task What_a_third_container_does_too_is_one_alert_of_the_workload_with_every_member()
    {
        await SendAsync(Did("a", Curl, score: 0.5), Did("a", Curl, score: 0.4), Did("b", Curl, score: 0.001));
        Assert.Equal(2, (await ListAsync()).Count);

        await SendAsync(Did("c", Curl, score: 0.3));

        var fleet = Assert.Single(await ListAsync());
        Assert.Equal((AlertKind.Fleet, AlertState.Open, 4ul, 0.001), (fleet.Kind, fleet.State, fleet.Count, fleet.Worst.Explanation.Score));
        Assert.Equal((3u, 3u, 0u, "1.25@sha256:abc"), (fleet.Fleet.Containers, fleet.Fleet.Folded, fleet.Fleet.Live, fleet.Fleet.Version));
        var detail = await Alerts.GetAsync(new GetAlertRequest { Id = fleet.Id });
        Assert.Equal(["a", "a", "b", "c"], detail.Members.Select(member => member.Container.Id));

        // Each is still there with its own evidence, and says where it is told.
        var folded = await ListAsync(new AlertFilter { FoldedInto = fleet.Id });
        Assert.Equal(["a", "b", "c"], folded.Select(alert => alert.Worst.Container.Id).Order());
        Assert.All(folded, alert => Assert.Equal(fleet.Id, alert.FoldedInto));
        Assert.Equal(2ul, Assert.Single(await ListAsync(new AlertFilter { Container = "a" })).Count);
    }

    [Fact]
    public async Task Further_containers_only_raise_its_counts()
    {
        await SendAsync(Did("a", Curl), Did("b", Curl), Did("c", Curl));
        var before = Assert.Single(await ListAsync());

        await SendAsync(Did("d", Curl), Did("e", Curl), Did("e", Curl, lineage: 200));

        var after = Assert.Single(await ListAsync());
        Assert.Equal((before.Id, 6ul, 5u), (after.Id, after.Count, after.Fleet.Containers));
        Assert.True(after.Revision > before.Revision);
    }

    [Fact]
    public async Task Two_containers_however_often_and_containers_of_other_workloads_are_no_fleet()
    {
        await SendAsync(Did("a", Curl), Did("a", Curl, lineage: 200), Did("a", Curl, lineage: 300), Did("b", Curl), Did("c", Curl, image: "docker.io/library/redis"));

        Assert.Equal(5, (await ListAsync()).Count(alert => alert.Kind == AlertKind.Incident));
    }

    [Fact]
    public async Task An_incident_with_more_in_it_keeps_its_own_alert_and_comes_out_again_when_more_happens()
    {
        await SendAsync(Did("a", Curl), Did("b", Curl), Did("b", Wget), Did("c", Curl));
        Assert.Equal([(AlertKind.Incident, "b"), (AlertKind.Fleet, "a")], Kinds(await ListAsync()));
        Assert.Equal(3u, (await ListAsync()).Single(alert => alert.Kind == AlertKind.Fleet).Fleet.Containers);

        var more = Did("c", Wget);
        await using var stream = await (await _collector.EnrolAsync("node-c")).ConnectAsync(spool: 1);
        await stream.SendAsync(1, Did("d", Curl), Did("d", Wget), more);
        await stream.AckedAsync(Lane.Anomalies, 3);

        // The incident of c that was folded is another node's; d's was folded for one anomaly and came out with the next.
        var now = await ListAsync();
        Assert.Contains(now, alert => alert is { Kind: AlertKind.Incident, Count: 2 } && alert.Worst.Container.Id == "d");
        Assert.Equal(2, now.Count(alert => alert.Kind == AlertKind.Fleet));
    }

    static IEnumerable<(AlertKind, string)> Kinds(IEnumerable<Alert> alerts) =>
        alerts.Select(alert => (alert.Kind, alert.Worst.Container.Id)).Order();

    [Fact]
    public async Task What_a_rule_told_and_what_names_no_behaviour_keeps_its_own_alert()
    {
        foreach (var container in new[] { "a", "b", "c", "d" })
        {
            await SendAsync(Did(container, Curl, rule: "memfd-exec"), Did(container, 0, lineage: 200));
        }

        Assert.Equal(8, (await ListAsync()).Count(alert => alert.Kind == AlertKind.Incident));

        // A novelty in the incident of a rule is a member of the fleet's, and its incident stays.
        await SendAsync(Did("e", Curl), Did("e", Curl, rule: "memfd-exec"), Did("f", Curl), Did("g", Curl));
        var all = await ListAsync();
        Assert.Equal(3ul, Assert.Single(all, alert => alert.Kind == AlertKind.Fleet).Count);
        Assert.Equal(2ul, Assert.Single(all, alert => alert.Worst.Container.Id == "e" && alert.Kind == AlertKind.Incident).Count);
    }

    /// <summary>In whatever order nodes' batches arrive, cut wherever, and sent again as often as they like.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Order_batches_and_repeats_decide_nothing(int seed)
    {
        var random = new Random(seed);
        Anomaly[][] sent =
        [
            [Did("a", Curl, score: 0.5), Did("a", Wget, lineage: 200), Did("a", Curl, lineage: 300)],
            [Did("b", Curl), Did("b", Wget)],
            [Did("c", Curl, score: 0.002), Did("c", Curl, rule: "memfd-exec", lineage: 200)],
            [Did("d", Wget), Did("d", Curl, lineage: 200)],
        ];
        var streams = new List<(WireStream Stream, Anomaly[] Items, int Next)>();
        foreach (var items in sent)
        {
            streams.Add((await (await _collector.EnrolAsync($"node-{items[0].Container.Id}")).ConnectAsync(spool: 1), items, 0));
        }
        while (streams.Exists(own => own.Next < own.Items.Length))
        {
            var at = random.Next(streams.Count);
            var (stream, items, next) = streams[at];
            var from = random.Next(next + 1);
            var to = Math.Min(items.Length, next + random.Next(3));
            if (to > from)
            {
                await stream.SendAsync((ulong)from + 1, items[from..to]);
                await stream.AckedAsync(Lane.Anomalies, (ulong)Math.Max(next, to));
            }
            streams[at] = (stream, items, Math.Max(next, to));
        }

        var shown = (await ListAsync()).Select(alert => $"{alert.Kind} {(alert.Kind == AlertKind.Fleet ? alert.Worst.Behaviour : alert.Worst.Container.Id)} {alert.Count} {alert.Fleet?.Containers} {alert.Fleet?.Folded}");
        Assert.Equal(
        [
            "Fleet nginx -> /usr/bin/curl 5 4 4", "Fleet nginx -> /usr/bin/wget 3 3 2", "Incident b 2  ", "Incident c 1  ",
        ], shown.Order(StringComparer.Ordinal));
        foreach (var (stream, _, _) in streams)
        {
            await stream.DisposeAsync();
        }
    }

    [Fact]
    public async Task It_tells_how_many_of_those_that_live_do_it()
    {
        await using var stream = await (await _collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await stream.SendAsync(new FromAgent
        {
            Heartbeat = new Heartbeat { Containers = { new[] { "a", "b", "x" }.Select(id => new ContainerStatus { Container = CollectorItems.Container(id) }) } },
        });
        await stream.SendAsync(1, Did("a", Curl), Did("b", Curl), Did("gone", Curl));
        await stream.AckedAsync(Lane.Anomalies, 3);

        var fleet = Assert.Single(await ListAsync()).Fleet;
        Assert.Equal((3u, 3u, 2u), (fleet.Containers, fleet.Live, fleet.LiveWith));
    }

    [Fact]
    public async Task A_decision_of_an_incident_stands_and_what_an_allow_of_the_fleets_does_not_cover_is_told()
    {
        await _collector.Server.Parts.Registry.EnsureAsync("node-a", [new("shop", "docker.io/library/nginx")], CancellationToken.None);
        await SendAsync(Did("a", Curl), Did("b", Curl));
        var first = (await ListAsync()).Single(alert => alert.Worst.Container.Id == "a");
        await Alerts.DecideAsync(new DecideAlertRequest { Id = first.Id, Kind = OverrideKind.Deny, Reason = "never" });
        await SendAsync(Did("c", Curl));
        Assert.Equal([(AlertKind.Incident, "a"), (AlertKind.Fleet, "c")], Kinds(await ListAsync()).Select(kind => kind is (AlertKind.Fleet, _) ? (AlertKind.Fleet, "c") : kind));

        var fleet = (await ListAsync()).Single(alert => alert.Kind == AlertKind.Fleet);
        var decided = await Alerts.DecideAsync(new DecideAlertRequest { Id = fleet.Id, Member = 3, Kind = OverrideKind.Allow, ThisVersion = true, Reason = "the rollout" });
        Assert.Equal((AlertKind.Fleet, AlertState.Allowed, Curl), (decided.Alert.Kind, decided.Alert.State, decided.Override.Key));
        await SendAsync(Did("d", Curl));

        Assert.Contains(await ListAsync(), alert => alert is { Kind: AlertKind.Incident, State: AlertState.Open } && alert.Worst.Container.Id == "d");
    }

    [Fact]
    public async Task A_watcher_hears_once_that_an_alert_it_saw_is_folded()
    {
        using var watch = Alerts.Watch(new WatchAlertsRequest());
        await watch.ResponseHeadersAsync;
        await SendAsync(Did("a", Curl), Did("b", Curl), Did("c", Curl));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var seen = new Dictionary<string, Alert>();
        while (seen.Count < 4)
        {
            Assert.True(await watch.ResponseStream.MoveNext(deadline.Token));
            seen[watch.ResponseStream.Current.Id] = watch.ResponseStream.Current;
        }
        var fleet = Assert.Single(seen.Values, alert => alert.Kind == AlertKind.Fleet);
        Assert.Equal(3, seen.Values.Count(alert => alert.FoldedInto == fleet.Id));
    }

    [Fact]
    public async Task A_fleets_alert_that_is_pruned_takes_with_it_what_it_told()
    {
        await SendAsync(Did("a", Curl), Did("b", Curl), Did("c", Curl), Did("c", Wget, lineage: 200));
        var parts = _collector.Server.Parts;
        await parts.State.WriteAsync(db => db.Alerts.Where(row => row.Kind == (int)AlertKind.Fleet)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.State, (int)AlertState.Allowed)), CancellationToken.None);

        await new StatePruning(parts.State, new StateLimits { Alerts = 4 }, parts.Diagnostics, TimeProvider.System).RunAsync(CancellationToken.None);

        Assert.Equal([(AlertKind.Incident, "c")], Kinds(await ListAsync(new AlertFilter { Container = "c" })));
        Assert.Equal((1, 1), await parts.State.ReadAsync(async db =>
            (await db.Anomalies.CountAsync(), await db.BehaviourIncidents.CountAsync()), CancellationToken.None));
    }
}
