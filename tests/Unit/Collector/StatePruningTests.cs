using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector;
using RuntimeGuard.Collector.Hosting;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class StatePruningTests
{
    const long Second = 1_000_000_000;

    static Task PruneAsync(CollectorFixture collector, TimeSpan later, StateLimits? limits = null) => new StatePruning(
        collector.Server.Parts.State, limits ?? new StateLimits(), collector.Server.Parts.Diagnostics,
        new FakeTimeProvider(DateTimeOffset.UtcNow + later)).RunAsync(CancellationToken.None);

    static async Task<List<Alert>> AlertsAsync(CollectorFixture collector) =>
        [.. (await new Alerts.AlertsClient(collector.Admin()).ListAsync(new ListAlertsRequest())).Alerts];

    [Fact]
    public async Task What_is_kept_goes_by_the_time_of_receipt_and_not_by_the_nodes_clock()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var (slow, fast) = (1_000_000_000 * Second, 5_000_000_000 * Second);
        await stream.SendAsync(1, CollectorItems.Anomaly(lineage: 1, timeNs: slow), CollectorItems.Anomaly(lineage: 2, timeNs: fast));
        await stream.AckedAsync(Lane.Anomalies, 2);

        await PruneAsync(collector, TimeSpan.FromDays(89));
        Assert.Equal([fast, slow], (await AlertsAsync(collector)).Select(alert => alert.LastUnixNs));

        await PruneAsync(collector, TimeSpan.FromDays(91));
        Assert.Empty(await AlertsAsync(collector));
        Assert.False(await collector.Server.Parts.State.ReadAsync(db => db.Anomalies.AnyAsync(), CancellationToken.None));
    }

    [Fact]
    public async Task Beyond_the_cap_the_longest_unheard_go_whatever_their_nodes_clock_says()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        foreach (var (lineage, timeNs) in new[] { (1, 5_000_000_000), (2, 1_000_000_000), (3, 2_000_000_000) })
        {
            await stream.SendAsync((ulong)lineage, CollectorItems.Anomaly(lineage: lineage, timeNs: timeNs * Second));
            await stream.AckedAsync(Lane.Anomalies, (ulong)lineage);
        }

        await PruneAsync(collector, TimeSpan.Zero, new StateLimits { Alerts = 2 });

        Assert.Equal([2, 3], (await AlertsAsync(collector)).Select(alert => alert.Worst.LineagePid).Order());
    }

    [Fact]
    public async Task The_audit_trail_is_bounded_by_count_too_and_the_oldest_rows_go()
    {
        await using var collector = await CollectorFixture.StartAsync();
        for (var i = 0; i < 20; i++)
        {
            await collector.TokenOfAsync("viewer");
        }
        var before = await collector.Server.Parts.State.ReadAsync(db => db.Audit.MaxAsync(row => row.Id), CancellationToken.None);

        await PruneAsync(collector, TimeSpan.Zero, new StateLimits { Audit = 5 });

        var left = await collector.Server.Parts.State.ReadAsync(db => db.Audit.Select(row => row.Id).ToListAsync(), CancellationToken.None);
        Assert.Equal(Enumerable.Range((int)before - 4, 5).Select(id => (long)id), left.Order());
        Assert.True(collector.Server.Parts.Diagnostics.AuditPruned.Value >= 15);
    }

    [Fact]
    public async Task A_revision_is_given_once_also_when_its_alert_is_gone()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var agent = await collector.EnrolAsync("node-a");
        await using (var stream = await agent.ConnectAsync(spool: 1))
        {
            await stream.SendAsync(1, CollectorItems.Anomaly(lineage: 1), CollectorItems.Anomaly(lineage: 2));
            await stream.AckedAsync(Lane.Anomalies, 2);
        }
        var before = (await AlertsAsync(collector)).Max(alert => alert.Revision);
        await PruneAsync(collector, TimeSpan.FromDays(91));
        await collector.StopServerAsync();
        await collector.StartServerAsync();

        await using var again = await agent.ConnectAsync(spool: 2);
        await again.SendAsync(1, CollectorItems.Anomaly(lineage: 3));
        await again.AckedAsync(Lane.Anomalies, 1);

        Assert.True(Assert.Single(await AlertsAsync(collector)).Revision > before);
    }

    [Fact]
    public async Task A_store_of_the_first_schema_keeps_its_alerts_and_goes_on_numbering()
    {
        var root = Directory.CreateTempSubdirectory("rg-state-");
        try
        {
            var data = new DataDirectory(root.FullName);
            await using (var context = new StateContext(
                new DbContextOptionsBuilder<StateContext>().UseSqlite($"Data Source={data.StateDatabase}").Options))
            {
                await context.GetService<IMigrator>().MigrateAsync("Initial");
                await context.Database.ExecuteSqlRawAsync(
                    "INSERT INTO alerts (Id, Namespace, Image, ContainerId, ContainerName, Node, LineagePid, LineageStartUnixNs, State, " +
                    "Critical, Score, Count, FirstUnixNs, LastUnixNs, ReceivedUnixNs, Revision, Worst, Latest) VALUES " +
                    "('a', 'n', 'i', 'c', '', 'node-a', 1, 1, 1, 0, 0, 2, 1, 1, 50, 41, x'', x''), " +
                    "('b', 'n', 'i', 'd', '', 'node-a', 1, 1, 1, 0, 0, 1, 1, 1, 60, 40, x'', x''); " +
                    "INSERT INTO workloads (Namespace, Image, Policy, Evidence, FirstSeenUnixNs, LastSeenUnixNs, Versions) VALUES " +
                    "('n', 'mine', x'', x'', 1, 1, ''), ('n', 'other', x'', x'', 1, 1, ''); " +
                    "INSERT INTO audit (TimeUnixNs, User, Action, Subject, Detail) VALUES " +
                    "(1, 'admin', 'policy', 'n/mine', ''), (1, 'collector', 'policy', 'n/other', ''); " +
                    "INSERT INTO anomalies (AlertId, Node, TimeUnixNs, ReceivedUnixNs, Data) VALUES ('a', 'node-a', 1, 50, x''), ('a', 'node-a', 1, 70, x'')");
            }

            using var store = await StateStore.OpenAsync(data, CancellationToken.None);

            var alerts = await store.ReadAsync(context => context.Alerts.OrderBy(row => row.Id).ToListAsync(), CancellationToken.None);
            Assert.Equal([70, 60], alerts.Select(row => row.LastReceivedUnixNs));
            Assert.Equal("mine", (await store.ReadAsync(
                context => context.Workloads.SingleAsync(row => row.ChangedByPerson), CancellationToken.None)).Image);
            Assert.Equal(41, (await store.ReadAsync(context => context.Counters.SingleAsync(), CancellationToken.None)).Last);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
