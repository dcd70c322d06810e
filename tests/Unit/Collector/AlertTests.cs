using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class AlertTests
{
    [Fact]
    public async Task One_lineage_is_one_alert_whose_worst_member_leads()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var alerts = new Alerts.AlertsClient(collector.Admin());
        await stream.SendAsync(1,
            CollectorItems.Anomaly(lineage: 100, score: 0.5), CollectorItems.Anomaly(lineage: 100, score: 0.01),
            CollectorItems.Anomaly(lineage: 100, score: 0.9, rule: "memfd-exec"), CollectorItems.Anomaly(lineage: 200, score: 0.2));
        await stream.AckedAsync(Lane.Anomalies, 4);

        var first = await alerts.ListAsync(new ListAlertsRequest { WorstFirst = true, Limit = 1 });
        var second = await alerts.ListAsync(new ListAlertsRequest { WorstFirst = true, Limit = 1, Cursor = first.NextCursor });
        var detail = await alerts.GetAsync(new GetAlertRequest { Id = first.Alerts[0].Id[..6] });

        Assert.Equal(3ul, first.Alerts[0].Count);
        Assert.Equal("memfd-exec", first.Alerts[0].Worst.Rule);
        Assert.Equal(200, Assert.Single(second.Alerts).Worst.LineagePid);
        Assert.Equal(3, detail.Members.Count);
        Assert.Equal("node-a", Assert.Single(detail.Coverage.Nodes).Node);
    }

    [Fact]
    public async Task A_node_that_names_the_container_of_another_writes_into_no_alert_but_its_own()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var owner = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await using var other = await (await collector.EnrolAsync("node-b")).ConnectAsync(spool: 1);
        await owner.SendAsync(1, CollectorItems.Anomaly(lineage: 100, score: 0.5));
        await owner.AckedAsync(Lane.Anomalies, 1);

        await other.SendAsync(1, CollectorItems.Anomaly(lineage: 100, score: 0.001), CollectorItems.Anomaly(lineage: 100));
        await other.AckedAsync(Lane.Anomalies, 2);

        var alerts = (await new Alerts.AlertsClient(collector.Admin()).ListAsync(new ListAlertsRequest())).Alerts;
        Assert.Equal([("node-a", 1ul, 0.5), ("node-b", 2ul, 0.001)],
            alerts.Select(alert => (alert.Worst.Node, alert.Count, alert.Worst.Explanation.Score)).Order());
    }

    [Theory]
    [InlineData(AlertState.Resolved, AlertState.Open)]
    [InlineData(AlertState.Allowed, AlertState.Allowed)]
    [InlineData(AlertState.Denied, AlertState.Denied)]
    public async Task A_resolved_incident_that_goes_on_is_open_again_and_a_decided_one_stays_decided(
        AlertState before, AlertState after)
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var alerts = new Alerts.AlertsClient(collector.Admin());
        await stream.SendAsync(1, CollectorItems.Anomaly(lineage: 100));
        await stream.AckedAsync(Lane.Anomalies, 1);
        await collector.Server.Parts.State.WriteAsync(db => db.Alerts.ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, (int)before)), CancellationToken.None);
        Assert.Equal(before, Assert.Single((await alerts.ListAsync(new ListAlertsRequest())).Alerts).State);

        await stream.SendAsync(2, CollectorItems.Anomaly(lineage: 100));
        await stream.AckedAsync(Lane.Anomalies, 2);

        var alert = Assert.Single((await alerts.ListAsync(new ListAlertsRequest())).Alerts);
        Assert.Equal((after, 2ul), (alert.State, alert.Count));
    }

    [Fact]
    public async Task A_watcher_that_does_not_read_holds_nothing_up_and_then_sees_the_latest_state()
    {
        const int updates = 150;
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        using var watch = new Alerts.AlertsClient(collector.Admin()).Watch(new WatchAlertsRequest());
        await watch.ResponseHeadersAsync;
        for (var i = 1; i <= updates; i++)
        {
            // 30 kB an alert: a few fill what the connection buffers.
            var anomaly = CollectorItems.Anomaly(lineage: 100);
            anomaly.Summary = new string('x', 15_000);
            await stream.SendAsync((ulong)i, anomaly);
            await stream.AckedAsync(Lane.Anomalies, (ulong)i);
        }
        var read = 0;
        var count = 0ul;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (count < updates && await watch.ResponseStream.MoveNext(deadline.Token))
        {
            read++;
            Assert.True(watch.ResponseStream.Current.Count > count, "an older state came after a newer one");
            count = watch.ResponseStream.Current.Count;
        }
        Assert.Equal((ulong)updates, count);
        Assert.True(read < updates / 2, $"{read} messages for {updates} updates");
    }

    [Fact]
    public async Task A_watcher_sees_an_alert_soon_after_its_commit()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        using var watch = new Alerts.AlertsClient(collector.Admin()).Watch(new WatchAlertsRequest());
        await watch.ResponseHeadersAsync;
        var delays = new List<double>();
        for (var i = 1; i <= 10; i++)
        {
            await stream.SendAsync((ulong)i, CollectorItems.Anomaly(lineage: i));
            await stream.AckedAsync(Lane.Anomalies, (ulong)i);
            var committed = Stopwatch.GetTimestamp();
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            Assert.True(await watch.ResponseStream.MoveNext(deadline.Token));
            delays.Add(Stopwatch.GetElapsedTime(committed).TotalMilliseconds);
            Assert.Equal(i, watch.ResponseStream.Current.Worst.LineagePid);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"ms after the ack: {string.Join(" ", delays.Select(d => d.ToString("0", null)))}");
        Assert.True(delays.Order().ElementAt(5) < 100, $"median {delays.Order().ElementAt(5)} ms");
    }
}
