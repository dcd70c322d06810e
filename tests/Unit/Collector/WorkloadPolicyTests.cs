using Grpc.Core;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class WorkloadPolicyTests
{
    static readonly Workload Nginx = new() { Namespace = "shop", Image = "docker.io/library/nginx" };

    static FromAgent Watch(params Workload[] workloads) =>
        new() { Watch = new WatchWorkloads { Workloads = { workloads } } };

    [Fact]
    public async Task A_new_workload_learns_for_the_default_duration_and_is_then_locked_by_time()
    {
        await using var collector = await CollectorFixture.StartAsync(
            configure: options => options with { LearningDuration = TimeSpan.FromHours(1), TimeScale = 3600 });
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        Assert.Equal(3600, stream.Welcome.TimeScale);

        await stream.SendAsync(Watch(Nginx));
        var learning = (await stream.ModelAsync(model => true)).Policy;
        var locked = (await stream.ModelAsync(model => model.Policy.Version > learning.Version)).Policy;

        Assert.Equal(LearningMode.Learning, learning.Mode);
        // One hour of model time is one second on the clock at this scale.
        Assert.Equal(1_000_000_000, learning.LearningUntilUnixNs - learning.LearningSinceUnixNs);
        Assert.Equal(LearningMode.LockedByTime, locked.Mode);
        Assert.Empty(locked.StrictClasses);
        Assert.True(locked.LockedUnixNs >= learning.LearningUntilUnixNs);
    }

    [Fact]
    public async Task A_lock_by_hand_reaches_every_agent_that_runs_the_workload_and_only_those()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var first = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await using var second = await (await collector.EnrolAsync("node-b")).ConnectAsync(spool: 2);
        await using var other = await (await collector.EnrolAsync("node-c")).ConnectAsync(spool: 3);
        await first.SendAsync(Watch(Nginx));
        await second.SendAsync(Watch(Nginx));
        var redis = new Workload { Namespace = "shop", Image = "redis" };
        await other.SendAsync(Watch(redis));
        await first.ModelAsync(model => model.Workload.Equals(Nginx));
        await second.ModelAsync(model => model.Workload.Equals(Nginx));
        await other.ModelAsync(model => model.Workload.Equals(redis));
        var workloads = new Workloads.WorkloadsClient(collector.Admin());

        var summary = await workloads.LockAsync(new LockRequest { Workload = Nginx, Reason = "reviewed" });

        Assert.Equal(LearningMode.LockedByHand, summary.Policy.Mode);
        foreach (var stream in new[] { first, second })
        {
            var policy = (await stream.ModelAsync(model => model.Policy.Mode == LearningMode.LockedByHand)).Policy;
            Assert.Equal(summary.Policy, policy);
            Assert.Equal(
                [BehaviourClass.Exec, BehaviourClass.Perm, BehaviourClass.NetOut, BehaviourClass.NetIn], policy.StrictClasses);
        }
        await workloads.LockAsync(new LockRequest { Workload = redis });
        Assert.Equal(redis, (await other.ModelAsync(model => model.Policy.Mode == LearningMode.LockedByHand)).Workload);
    }

    [Fact]
    public async Task Learn_unlock_and_reset_raise_the_version_and_are_audited()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await stream.SendAsync(Watch(Nginx));
        await stream.ModelAsync(model => true);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());

        await workloads.LockAsync(new LockRequest { Workload = Nginx, Reason = "done" });
        var unlocked = (await workloads.UnlockAsync(new UnlockRequest { Workload = Nginx })).Policy;
        var learning = (await workloads.LearnAsync(new LearnRequest { Workload = Nginx, DurationSeconds = 60 })).Policy;
        var reset = (await workloads.LearnAsync(new LearnRequest { Workload = Nginx, Reset = true, Reason = "new app" })).Policy;

        Assert.Equal(LearningMode.Learning, unlocked.Mode);
        Assert.Empty(unlocked.StrictClasses);
        // Unlocked, it learns until its evidence suffices; asked to learn for a time, for that time.
        Assert.Equal(0, unlocked.LearningUntilUnixNs);
        Assert.Equal(60_000_000_000, learning.LearningUntilUnixNs - learning.LearningSinceUnixNs);
        Assert.Equal([3ul, 4ul, 5ul], [unlocked.Version, learning.Version, reset.Version]);
        Assert.Equal([1ul, 1ul, 2ul], [unlocked.Generation, learning.Generation, reset.Generation]);
        var detail = await workloads.GetAsync(new GetWorkloadRequest { Workload = new Workload { Image = "nginx" } });
        Assert.Equal(["admin", "admin", "admin", "admin", "collector"], detail.Audit.Select(entry => entry.User));
        Assert.EndsWith(": new app", detail.Audit[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policies_survive_a_restart_of_the_collector()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var agent = await collector.EnrolAsync("node-a");
        await using (var stream = await agent.ConnectAsync(spool: 1))
        {
            await stream.SendAsync(Watch(Nginx));
            await stream.ModelAsync(model => true);
        }
        await new Workloads.WorkloadsClient(collector.Admin()).LockAsync(new LockRequest { Workload = Nginx });

        await collector.StopServerAsync();
        await collector.StartServerAsync();

        await using var again = await agent.ConnectAsync(spool: 1);
        await again.SendAsync(Watch(Nginx));
        Assert.Equal(LearningMode.LockedByHand, (await again.ModelAsync(model => true)).Policy.Mode);
    }

    [Fact]
    public async Task A_change_is_never_made_to_a_guess()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await stream.SendAsync(Watch(Nginx, new Workload { Namespace = "blog", Image = "docker.io/library/nginx" }));
        await stream.ModelAsync(model => true);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());

        var part = await Assert.ThrowsAsync<RpcException>(
            async () => await workloads.LockAsync(new LockRequest { Workload = new Workload { Image = "nginx" } }));
        var ambiguous = await Assert.ThrowsAsync<RpcException>(
            async () => await workloads.GetAsync(new GetWorkloadRequest { Workload = new Workload { Image = "nginx" } }));

        Assert.Equal(StatusCode.NotFound, part.StatusCode);
        Assert.Equal(StatusCode.InvalidArgument, ambiguous.StatusCode);
        Assert.Contains("blog/docker.io/library/nginx", ambiguous.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_or_surplus_name_in_what_a_node_watches_costs_only_itself()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var watch = Watch(new Workload { Namespace = "shop", Image = new string('x', 600) }, new Workload(), Nginx);
        await stream.SendAsync(watch);
        Assert.Equal(Nginx, (await stream.ModelAsync(model => true)).Workload);

        var surplus = Watch([.. Enumerable.Repeat(Nginx, 2000), new Workload { Namespace = "shop", Image = "surplus" }]);
        await stream.SendAsync(surplus);
        await stream.SendAsync(1, CollectorItems.Anomaly());
        await stream.AckedAsync(Lane.Anomalies, 1);

        var parts = collector.Server.Parts;
        Assert.Equal("docker.io/library/nginx", Assert.Single(parts.Registry.Entries).Workload.Image);
        Assert.Equal(2, parts.Diagnostics.ItemsRejected.WithLabels("watch", "workload").Value);
        Assert.Equal(1, parts.Diagnostics.ItemsRejected.WithLabels("watch", "surplus").Value);
    }

    [Fact]
    public async Task A_bad_container_in_a_heartbeat_costs_only_itself()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await stream.SendAsync(new FromAgent
        {
            Heartbeat = new Heartbeat
            {
                SpooledBytes = 4711,
                Containers =
                {
                    new ContainerStatus { Container = CollectorItems.Container("") }, new ContainerStatus(),
                    new ContainerStatus { Container = CollectorItems.Container("good") },
                },
            },
        });
        await stream.SendAsync(1, CollectorItems.Anomaly());
        await stream.AckedAsync(Lane.Anomalies, 1);

        var heartbeat = (await new Nodes.NodesClient(collector.Admin()).GetAsync(new GetNodeRequest { Node = "node-a" })).Heartbeat;
        Assert.Equal(4711ul, heartbeat.SpooledBytes);
        Assert.Equal("good", Assert.Single(heartbeat.Containers).Container.Id);
    }
}
