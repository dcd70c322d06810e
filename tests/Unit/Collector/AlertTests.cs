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
    public async Task The_steps_of_an_incident_are_cut_to_what_one_may_have_and_keep_their_bits()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var anomaly = CollectorItems.Anomaly();
        anomaly.Explanation.Contributions.AddRange(Enumerable.Range(0, 500).Select(i => new Contribution
        {
            Behaviour = new string('\u20ac', 5000), Bits = i == 0 ? double.NaN : -i, Score = 1,
        }));
        await stream.SendAsync(1, anomaly);
        await stream.AckedAsync(Lane.Anomalies, 1);

        var worst = (await new Alerts.AlertsClient(collector.Admin()).ListAsync(new ListAlertsRequest())).Alerts[0].Worst;

        Assert.InRange(worst.Explanation.Contributions.Count, 10, 64);
        Assert.InRange(worst.CalculateSize(), 1, 512 << 10);
        Assert.Equal([0, -1], worst.Explanation.Contributions.Take(2).Select(step => step.Bits));
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

    /// <summary>About 200 kB: a command line and ancestors as long as an agent can see.</summary>
    static Anomaly Large(int lineage)
    {
        var anomaly = CollectorItems.Anomaly(lineage: lineage);
        anomaly.Ancestors.Clear();
        anomaly.Ancestors.AddRange(Enumerable.Range(1, 16).Select(pid => CollectorItems.Process(pid, "/bin/sh", new string('a', 12_000))));
        return anomaly;
    }

    static async Task<CollectorFixture> WithLargeAlertsAsync(int alerts, int each)
    {
        var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var seq = 1ul;
        for (var lineage = 1; lineage <= alerts; lineage++)
        {
            for (var i = 0; i < each; i += 20)
            {
                await stream.SendAsync(seq, [.. Enumerable.Range(0, Math.Min(20, each - i)).Select(_ => Large(lineage))]);
                seq += (ulong)Math.Min(20, each - i);
            }
        }
        await stream.AckedAsync(Lane.Anomalies, seq - 1);
        return collector;
    }

    [Fact]
    public async Task A_page_of_large_alerts_ends_below_the_limit_of_a_message_and_its_cursor_goes_on()
    {
        const int alerts = 60;
        await using var collector = await WithLargeAlertsAsync(alerts, each: 1);
        var client = new Alerts.AlertsClient(collector.Admin());
        var seen = new List<string>();
        ListAlertsResponse page;
        var request = new ListAlertsRequest { Limit = 1000 };
        do
        {
            page = await client.ListAsync(request);
            Assert.InRange(page.CalculateSize(), 1, 5 << 20);
            seen.AddRange(page.Alerts.Select(alert => alert.Id));
            request.Cursor = page.NextCursor;
        }
        while (page.NextCursor.Length > 0);

        Assert.Equal(alerts, seen.Distinct().Count());
        Assert.Equal(alerts, seen.Count);
        using var watch = client.Watch(new WatchAlertsRequest { Backlog = true });
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        for (var i = 1ul; i <= alerts; i++)
        {
            Assert.True(await watch.ResponseStream.MoveNext(deadline.Token));
            Assert.Equal(i, watch.ResponseStream.Current.Revision);
        }
    }

    [Fact]
    public async Task The_members_of_an_alert_come_in_pages_below_the_limit_of_a_message()
    {
        const int members = 120;
        await using var collector = await WithLargeAlertsAsync(alerts: 1, each: members);
        var client = new Alerts.AlertsClient(collector.Admin());
        var request = new GetAlertRequest { Id = Assert.Single((await client.ListAsync(new ListAlertsRequest())).Alerts).Id };
        var (read, pages) = (0, 0);
        do
        {
            var detail = await client.GetAsync(request);
            Assert.InRange(detail.CalculateSize(), 1, 6 << 20);
            Assert.Equal(pages == 0, detail.Coverage is not null);
            (read, pages) = (read + detail.Members.Count, pages + 1);
            request.Cursor = detail.NextCursor;
        }
        while (request.Cursor.Length > 0);

        Assert.Equal(members, read);
        Assert.True(pages > 4, $"{pages} pages");
    }

    [Fact]
    public async Task A_watch_after_a_revision_streams_only_what_came_later()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var client = new Alerts.AlertsClient(collector.Admin());
        Assert.Equal(0ul, (await client.ListAsync(new ListAlertsRequest { Limit = 1 })).Revision);
        await stream.SendAsync(1, [.. Enumerable.Range(1, 5).Select(lineage => CollectorItems.Anomaly(lineage: lineage))]);
        await stream.AckedAsync(Lane.Anomalies, 5);
        Assert.Equal(5ul, (await client.ListAsync(new ListAlertsRequest { Limit = 1 })).Revision);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));

        foreach (var (after, expected) in new[] { (3ul, 4ul), (5ul, 6ul), (4711ul, 7ul) })
        {
            using var watch = client.Watch(new WatchAlertsRequest { AfterRevision = after, Backlog = after != 3 });
            await watch.ResponseHeadersAsync;
            if (expected > 5)
            {
                await stream.SendAsync(expected, CollectorItems.Anomaly(lineage: (int)expected));
                await stream.AckedAsync(Lane.Anomalies, expected);
            }
            Assert.True(await watch.ResponseStream.MoveNext(deadline.Token));
            Assert.Equal(expected, watch.ResponseStream.Current.Revision);
        }
    }

    [Fact]
    public async Task Nodes_and_workloads_are_listed_in_pages_below_the_limit_of_a_message()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var parts = collector.Server.Parts;
        var heavy = new Heartbeat
        {
            Containers = { Enumerable.Range(0, 2000).Select(i => new ContainerStatus { Container = CollectorItems.Container(new string('c', 500) + i) }) },
        };
        for (var i = 0; i < 10; i++)
        {
            await collector.EnrolAsync($"node-{i}");
            parts.Nodes.Connect($"node-{i}", "", new Hello(), _ => { }).Beat(heavy);
        }
        foreach (var of in Enumerable.Range(0, 700).GroupBy(i => $"node-{i / 100}"))
        {
            await parts.Registry.EnsureAsync(
                of.Key, [.. of.Select(i => new RuntimeGuard.Models.WorkloadKey("shop", $"image-{i:000}"))], CancellationToken.None);
        }
        var (nodes, workloads) = (new List<string>(), new List<string>());
        var (nodePage, workloadPage) = (new ListNodesRequest(), new ListWorkloadsRequest());
        do
        {
            var page = await new Nodes.NodesClient(collector.Admin()).ListAsync(nodePage);
            Assert.InRange(page.CalculateSize(), 1, 6 << 20);
            nodes.AddRange(page.Nodes.Select(node => node.Node));
            nodePage.Cursor = page.NextCursor;
        }
        while (nodePage.Cursor.Length > 0);
        do
        {
            var page = await new Workloads.WorkloadsClient(collector.Admin()).ListAsync(workloadPage);
            workloads.AddRange(page.Workloads.Select(workload => workload.Workload.Image));
            workloadPage.Cursor = page.NextCursor;
        }
        while (workloadPage.Cursor.Length > 0);

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"node-{i}"), nodes);
        Assert.Equal(Enumerable.Range(0, 700).Select(i => $"image-{i:000}"), workloads);
    }
}
