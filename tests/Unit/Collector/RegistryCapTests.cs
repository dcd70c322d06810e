using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class RegistryCapTests
{
    static WorkloadKey Key(int number) => new("shop", $"image-{number:0000}");

    static async Task FillAsync(WorkloadRegistry registry)
    {
        for (var i = 0; i < WorkloadRegistry.MaxWorkloads; i += 128)
        {
            await registry.EnsureAsync($"node-{i}", [.. Enumerable.Range(i, 128).Select(Key)], CancellationToken.None);
        }
        Assert.Equal(WorkloadRegistry.MaxWorkloads, registry.Entries.Count());
    }

    [Fact]
    public async Task A_full_registry_gives_up_what_was_unseen_longest_and_nothing_a_person_decided_or_a_node_runs()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        var parts = collector.Server.Parts;
        await FillAsync(parts.Registry);
        var newcomer = new WorkloadKey("shop", "newcomer");
        await parts.Registry.ChangePolicyAsync(Key(0), new By("admin", "mine"),
            (policy, now) => PolicyChange.LockByHand(policy, now, [], new By("admin", "mine")), CancellationToken.None);
        var watcher = parts.Models.Enter("node-x");
        watcher.Watch([Key(1)]);

        // Nothing is old enough.
        time.Advance(TimeSpan.FromDays(6));
        await parts.Registry.EnsureAsync("node-x", [newcomer], CancellationToken.None);
        Assert.Null(parts.Registry.Find(newcomer));
        Assert.Equal(1, parts.Diagnostics.WorkloadsRefused.WithLabels("full").Value);

        // All but one are: 0 is a person's, 1 is watched, 2 was seen meanwhile.
        await parts.Registry.SeenAsync([CollectorItems.Container("c", "shop", Key(2).Image)], CancellationToken.None);
        time.Advance(TimeSpan.FromDays(2));
        await parts.Registry.EnsureAsync("node-x", [newcomer], CancellationToken.None);

        Assert.NotNull(parts.Registry.Find(newcomer));
        Assert.All(new[] { 0, 1, 2 }, number => Assert.NotNull(parts.Registry.Find(Key(number))));
        Assert.Equal(WorkloadRegistry.MaxWorkloads, parts.Registry.Entries.Count());
        Assert.Equal(1, parts.Diagnostics.WorkloadsEvicted.Value);
        var gone = Assert.Single(Enumerable.Range(0, WorkloadRegistry.MaxWorkloads), number => parts.Registry.Find(Key(number)) is null);
        var rows = await parts.State.ReadAsync(db => db.Workloads.CountAsync(), CancellationToken.None);
        Assert.Equal(WorkloadRegistry.MaxWorkloads, rows);
        var audit = await parts.State.ReadAsync(db => db.Audit.SingleAsync(row => row.Action == "evict"), CancellationToken.None);
        Assert.Equal(Key(gone).ToString(), audit.Subject);
        // A workload that is gone is no one's failure.
        Assert.Null(await parts.Registry.ModelAsync(Key(gone), CancellationToken.None));
        Assert.Null(await parts.Registry.ChangePolicyAsync(Key(gone), new By("admin", ""), (policy, _) => policy, CancellationToken.None));
    }

    [Fact]
    public async Task After_a_start_nothing_is_evicted_before_agents_could_say_what_they_run()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        await FillAsync(collector.Server.Parts.Registry);
        await collector.StopServerAsync();
        time.Advance(TimeSpan.FromDays(30));
        await collector.StartServerAsync();
        var registry = collector.Server.Parts.Registry;
        var newcomer = new WorkloadKey("shop", "newcomer");

        await registry.EnsureAsync("node-x", [newcomer], CancellationToken.None);
        Assert.Null(registry.Find(newcomer));
        time.Advance(TimeSpan.FromHours(2));
        await registry.EnsureAsync("node-x", [newcomer], CancellationToken.None);
        Assert.NotNull(registry.Find(newcomer));
    }

    [Fact]
    public async Task A_persons_decision_is_remembered_over_a_restart_and_a_lock_by_time()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await collector.Server.Parts.Registry.EnsureAsync("node-x", [Key(1), Key(2)], CancellationToken.None);
        await collector.Server.Parts.Registry.ChangePolicyAsync(
            Key(1), new By("admin", ""), (policy, now) => PolicyChange.Learn(policy, now, TimeSpan.Zero, false, new By("admin", "")), CancellationToken.None);
        await collector.Server.Parts.Registry.LockDueAsync(CancellationToken.None);

        await collector.StopServerAsync();
        await collector.StartServerAsync();

        var registry = collector.Server.Parts.Registry;
        Assert.Equal(LearningMode.LockedByTime, registry.Find(Key(1))!.Policy.Mode);
        Assert.Equal([true, false], [registry.Find(Key(1))!.ChangedByPerson, registry.Find(Key(2))!.ChangedByPerson]);
    }

    [Fact]
    public async Task One_node_brings_only_so_many_new_workloads_an_hour_and_the_rest_later()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        var parts = collector.Server.Parts;
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var watch = new WatchWorkloads();
        watch.Workloads.AddRange(Enumerable.Range(0, 300).Select(i => new Workload { Namespace = "shop", Image = Key(i).Image }));
        await stream.SendAsync(new FromAgent { Watch = watch });
        await stream.SendAsync(1, CollectorItems.Anomaly());
        await stream.AckedAsync(Lane.Anomalies, 1);

        Assert.Equal(NodeAdmissions.WorkloadsPerHour, parts.Registry.Entries.Count());
        Assert.Equal(50, parts.Diagnostics.WorkloadsRefused.WithLabels("rate").Value);
        await parts.Registry.EnsureAsync("node-b", [new WorkloadKey("blog", "other")], CancellationToken.None);
        Assert.NotNull(parts.Registry.Find(new WorkloadKey("blog", "other")));

        // Its agent need not name them again: the stream asks with a heartbeat.
        time.Advance(TimeSpan.FromHours(1));
        await stream.SendAsync(new FromAgent { Heartbeat = new Heartbeat() });
        await stream.ModelAsync(model => model.Workload.Image == Key(299).Image);
    }
}
