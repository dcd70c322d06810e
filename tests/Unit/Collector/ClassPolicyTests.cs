using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>Locks, freezes and learning times, of a workload and of its classes.</summary>
public sealed class ClassPolicyTests
{
    static readonly Workload Nginx = Behaviours.Nginx;

    [Fact]
    public async Task A_class_is_locked_and_unlocked_alone_reaches_the_agent_and_leaves_no_entry_behind()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());

        var locked = (await workloads.LockAsync(new LockRequest
        {
            Workload = Nginx, Reason = "known well", Classes = { BehaviourClass.NetOut, BehaviourClass.Exec, BehaviourClass.Exec },
        })).Policy;
        var pushed = (await stream.ModelAsync(model => model.Policy.Classes.Count > 0)).Policy;
        var unlocked = (await workloads.UnlockAsync(new UnlockRequest { Workload = Nginx, Classes = { BehaviourClass.Exec, BehaviourClass.NetOut } })).Policy;

        Assert.Equal(LearningMode.Learning, locked.Mode);
        Assert.Equal([(BehaviourClass.Exec, LearningMode.LockedByHand), (BehaviourClass.NetOut, LearningMode.LockedByHand)],
            locked.Classes.Select(own => (own.Class, own.Mode)));
        Assert.Equal(locked, pushed);
        Assert.Empty(unlocked.Classes);
        var audit = await collector.AuditAsync(Nginx);
        Assert.Equal(("admin", "policy"), (audit[1].User, audit[1].Action));
        Assert.Equal("exec: as the workload -> locked by hand; net_out: as the workload -> locked by hand: known well", audit[1].Detail);
        Assert.Equal("exec: locked by hand -> as the workload; net_out: locked by hand -> as the workload", audit[0].Detail);
    }

    [Fact]
    public async Task A_freeze_stops_learning_asserts_nothing_and_is_taken_back_by_unlock()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());

        var frozen = (await workloads.FreezeAsync(new FreezeRequest { Workload = Nginx, Reason = "incident" })).Policy;
        var pushed = (await stream.ModelAsync(model => model.Policy.Mode == LearningMode.Frozen)).Policy;
        // In a frozen workload a class that is unlocked learns by itself.
        var partly = (await workloads.UnlockAsync(new UnlockRequest { Workload = Nginx, Classes = { BehaviourClass.Dns } })).Policy;
        var unlocked = (await workloads.UnlockAsync(new UnlockRequest { Workload = Nginx })).Policy;

        Assert.Equal(frozen, pushed);
        Assert.Empty(frozen.StrictClasses);
        Assert.True(frozen.LockedUnixNs > 0);
        Assert.Equal((BehaviourClass.Dns, LearningMode.Learning), (Assert.Single(partly.Classes).Class, partly.Classes[0].Mode));
        Assert.Equal((LearningMode.Learning, 0), (unlocked.Mode, unlocked.Classes.Count));
        Assert.EndsWith("-> frozen: incident", (await collector.AuditAsync(Nginx))[2].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Extend_prolongs_the_learning_time_and_unlocks_nothing_that_a_person_decided()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());
        var endless = await Assert.ThrowsAsync<RpcException>(async () => await workloads.ExtendAsync(new ExtendRequest { Workload = Nginx, DurationSeconds = 60 }));
        Assert.Contains("no time to prolong", endless.Status.Detail, StringComparison.Ordinal);
        await workloads.LearnAsync(new LearnRequest { Workload = Nginx, DurationSeconds = 7200 });
        var before = (await workloads.LockAsync(new LockRequest { Workload = Nginx, Classes = { BehaviourClass.Exec } })).Policy;

        var extended = (await workloads.ExtendAsync(new ExtendRequest { Workload = Nginx, DurationSeconds = 3600, Reason = "one more night" })).Policy;

        Assert.Equal(3600_000_000_000, extended.LearningUntilUnixNs - before.LearningUntilUnixNs);
        Assert.Equal(before.LearningSinceUnixNs, extended.LearningSinceUnixNs);
        Assert.Equal(LearningMode.LockedByHand, Assert.Single(extended.Classes).Mode);
        var detail = (await collector.AuditAsync(Nginx))[0].Detail;
        Assert.Matches("^learning until .*Z, generation 1 -> learning until .*Z, generation 1: one more night$", detail);

        await workloads.LockAsync(new LockRequest { Workload = Nginx });
        var refused = await Assert.ThrowsAsync<RpcException>(
            async () => await workloads.ExtendAsync(new ExtendRequest { Workload = Nginx, DurationSeconds = 60 }));
        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains("locked by hand by admin: unlock it first", refused.Status.Detail, StringComparison.Ordinal);
        await workloads.UnlockAsync(new UnlockRequest { Workload = Nginx });
        refused = await Assert.ThrowsAsync<RpcException>(
            async () => await workloads.ExtendAsync(new ExtendRequest { Workload = Nginx, DurationSeconds = 60 }));
        Assert.Contains("there is no time to prolong", refused.Status.Detail, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<RpcException>(async () => await workloads.ExtendAsync(new ExtendRequest { Workload = Nginx }));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
    }

    [Fact]
    public void A_time_that_was_over_is_prolonged_from_now_on()
    {
        var locked = PolicyChange.LockByTime(PolicyChange.New(0, TimeSpan.FromSeconds(1), "c"), 2_000_000_000, new By("c", ""));

        var extended = PolicyChange.Extend(locked, 10_000_000_000, TimeSpan.FromSeconds(5), new By("ada", ""));

        Assert.Equal((LearningMode.Learning, 15_000_000_000, 0), (extended.Mode, extended.LearningUntilUnixNs, extended.LockedUnixNs));
    }

    [Fact]
    public void What_a_class_was_found_to_be_survives_locks_and_ends_with_a_reset()
    {
        var by = new By("ada", "");
        var policy = PolicyChange.New(0, TimeSpan.FromHours(1), "c");
        policy.Classes.Add(new ClassPolicy { Class = BehaviourClass.Dns, Unbounded = true });
        policy.Overrides.Add(new Override { Id = "o" });

        var locked = PolicyChange.LockByHand(policy, 1, [BehaviourClass.Dns, BehaviourClass.Exec], by);
        var whole = PolicyChange.LockByHand(locked, 2, [], by);
        var reset = PolicyChange.Learn(whole, 3, null, reset: true, by);

        Assert.Equal([BehaviourClass.Exec, BehaviourClass.Dns], locked.Classes.Select(own => own.Class));
        Assert.Equal(new ClassPolicy { Class = BehaviourClass.Dns, Unbounded = true }, Assert.Single(whole.Classes));
        Assert.Empty(reset.Classes);
        // What a person said of a behaviour is not what was learned.
        Assert.Single(reset.Overrides);
        Assert.Equal(2ul, reset.Generation);
    }

    [Fact]
    public void A_class_that_goes_on_learning_says_so_only_while_its_workload_does_not()
    {
        var by = new By("ada", "");
        var locked = PolicyChange.LockByHand(PolicyChange.New(0, TimeSpan.FromHours(1), "c"), 1, [], by);

        var open = PolicyChange.Unlock(locked, 2, [BehaviourClass.Exec], by);
        var frozen = PolicyChange.Freeze(open, 3, [BehaviourClass.Exec], by);
        var again = PolicyChange.LockByHand(frozen, 4, [BehaviourClass.Exec], by);

        Assert.Equal(LearningMode.Learning, Assert.Single(open.Classes).Mode);
        Assert.Equal((LearningMode.Frozen, 3), (Assert.Single(frozen.Classes).Mode, frozen.Classes[0].LockedUnixNs));
        Assert.Empty(again.Classes);
        Assert.Equal([1ul, 2ul, 3ul, 4ul, 5ul], [locked.Version - 1, locked.Version, open.Version, frozen.Version, again.Version]);
    }

    [Fact]
    public async Task What_is_learned_of_a_locked_class_is_held_back_and_of_the_others_is_learned()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        await using var stream = await collector.WatchingAsync("node-a", Nginx);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());
        await stream.LearnAsync(Behaviours.Of("nginx", "/bin/known"));
        await workloads.FreezeAsync(new FreezeRequest { Workload = Nginx, Classes = { BehaviourClass.Exec } });
        time.Advance(TimeSpan.FromSeconds(11));

        await stream.LearnAsync(Behaviours.Of("nginx", "/bin/known"), Behaviours.Of("nginx", "/bin/late"),
            Behaviours.Of("nginx", "/var/log/late", BehaviourClass.FileWrite));

        var model = await workloads.GetBaselineAsync(new GetWorkloadRequest { Workload = Nginx });
        Assert.Equal([("/bin/known", true), ("/bin/late", false), ("/var/log/late", true)],
            model.Evidence.Behaviours.Select(behaviour => (behaviour.Object, behaviour.Learned)).Order());
        Assert.True(model.Evidence.Behaviours.Single(behaviour => behaviour.Object == "/bin/late").Quarantined);
    }

    [Fact]
    public async Task Only_those_whose_role_allows_it_decide_and_only_of_classes_there_are()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx);
        var analyst = new Workloads.WorkloadsClient(collector.People(await collector.TokenOfAsync("analyst")));
        var viewer = new Workloads.WorkloadsClient(collector.People(await collector.TokenOfAsync("viewer")));

        Assert.Equal(LearningMode.LockedByHand, Assert.Single((await analyst.LockAsync(
            new LockRequest { Workload = Nginx, Classes = { BehaviourClass.Exec } })).Policy.Classes).Mode);
        foreach (var call in new Func<Task>[]
        {
            async () => await analyst.FreezeAsync(new FreezeRequest { Workload = Nginx }),
            async () => await analyst.ExtendAsync(new ExtendRequest { Workload = Nginx, DurationSeconds = 60 }),
            async () => await analyst.UnlockAsync(new UnlockRequest { Workload = Nginx }),
            async () => await viewer.LockAsync(new LockRequest { Workload = Nginx }),
        })
        {
            Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
        }
        var unknown = await Assert.ThrowsAsync<RpcException>(
            async () => await analyst.LockAsync(new LockRequest { Workload = Nginx, Classes = { (BehaviourClass)99 } }));
        Assert.Equal(StatusCode.InvalidArgument, unknown.StatusCode);
        Assert.Contains("99 is no class", unknown.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(2, (await collector.AuditAsync(Nginx)).Count);
    }
}
