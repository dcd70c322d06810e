using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>What the collector decides of classes: drift, unbounded, what to absorb, roles.</summary>
public sealed class KeeperTests
{
    [Theory]
    [InlineData(1, 10, -3.118)]
    [InlineData(3, 10, -0.031)]
    [InlineData(5, 10, 3.069)]
    [InlineData(8, 10, 8.839)]
    public void Bayes_factors_of_the_specification(int k, int n, double bits) => Assert.Equal(bits, DriftAbsorption.Bits(k, n), 3);

    [Theory]
    [InlineData(3, 3)]
    [InlineData(5, 4)]
    [InlineData(10, 6)]
    [InlineData(20, 11)]
    public void So_many_replicas_are_enough(int n, int fewest)
    {
        Assert.True(DriftAbsorption.Bits(fewest, n) >= DriftAbsorption.Accepted);
        Assert.True(DriftAbsorption.Bits(fewest - 1, n) < DriftAbsorption.Accepted);
    }

    [Theory]
    [InlineData(false, 8.0, 3.9, 1.9)]
    [InlineData(false, 8.0, 7.0)]
    [InlineData(false, 8.0, 7.0, 3.0)]
    [InlineData(true, 8.0, 7.0, 6.5)]
    [InlineData(true, 8.0, 3.0, 2.9, 2.8)]
    public void A_bound_that_does_not_halve_when_units_double_twice_is_none(bool unbounded, params double[] bounds) =>
        Assert.Equal(unbounded, ClassKeeper.IsUnbounded(bounds));

    static Evidence Learned(Action<Baseline, ContainerFacts, long>? after = null, int replicas = 4, Policy? policy = null)
    {
        var baseline = new Baseline(Key);
        var containers = Enumerable.Range(0, replicas).Select(i => new ContainerFacts(Key, $"c{i}", "1", Start) { SeenFromBirth = false }).ToList();
        for (var hour = 0; hour < 700; hour++)
        {
            if (hour == 600 && policy is not null)
                baseline.Apply(new Model { Policy = policy });
            foreach (var container in containers)
            {
                Exec(baseline, container, Start + (hour * Hour), "/usr/bin/date");
                if (hour > 600)
                    after?.Invoke(baseline, container, Start + (hour * Hour));
            }
        }
        baseline.Advance(Start + (700 * Hour));
        return baseline.Snapshot().Evidence;
    }

    static void Exec(Baseline baseline, ContainerFacts container, long timeNs, string path) => baseline.Observe(new ContainerEvent
    {
        TimeNs = timeNs,
        Kind = EventKind.Exec,
        Container = container,
        Actor = Actor.Entry("/usr/sbin/nginx"),
        Path = System.Text.Encoding.UTF8.GetBytes(path),
    });

    [Fact]
    public void A_quiet_class_is_left_alone_but_for_the_bounds_it_met()
    {
        var policy = new Policy { Version = 3 };
        var kept = ClassKeeper.Keep(policy, Learned(), Start + (700 * Hour));
        Assert.All(kept.Classes, c => Assert.Equal((false, 0L), (c.Unbounded, c.DriftSinceUnixNs)));
        Assert.NotEmpty(kept.Classes.First(c => c.Class == BehaviourClass.Exec).Bounds);
        Assert.Empty(policy.Classes);
        Assert.Same(kept, ClassKeeper.Keep(kept, Learned(), Start + (700 * Hour)));
    }

    /// <summary>Novelties raise the bound as they come: they are measured by the one that was met before.</summary>
    [Fact]
    public void Novelties_on_every_replica_after_learning_are_a_drift_until_they_cease()
    {
        var met = ClassKeeper.Keep(new Policy(), Learned(), Start + (600 * Hour));
        Assert.InRange(met.Classes.Single(c => c.Class == BehaviourClass.Exec).MetBound, .001, Marks.Of(BehaviourClass.Exec).Beta);
        met.Version = 1;
        met.Classes.Single(c => c.Class == BehaviourClass.Exec).MetNs = Start + (600 * Hour);
        var number = 0;
        var evidence = Learned((baseline, container, at) =>
            Exec(baseline, container, at, $"/opt/{BaselinePropertyTests.Letters(number++)}/x"), policy: met);
        Assert.Null(LearningStates.Decided(ClassKeeper.Keep(new Policy(), evidence, Start + (700 * Hour)), BehaviourClass.Exec, Start));
        var kept = ClassKeeper.Keep(met, evidence, Start + (700 * Hour));
        Assert.True(kept.Classes.Single(c => c.Class == BehaviourClass.Exec).DriftSinceUnixNs > 0);
        Assert.Equal(LearningState.Drift, LearningStates.Decided(kept, BehaviourClass.Exec, Start));
        Assert.Same(kept, ClassKeeper.Keep(kept, evidence, Start + (701 * Hour)));
        var calm = ClassKeeper.Keep(kept, Learned(), Start + (800 * Hour));
        Assert.Null(LearningStates.Decided(calm, BehaviourClass.Exec, Start));
    }

    [Fact]
    public void What_was_bounded_once_is_not_called_unbounded()
    {
        var number = 0;
        var evidence = Learned((baseline, container, at) =>
            Exec(baseline, container, at, $"/opt/{BaselinePropertyTests.Letters(number++)}/x"),
            policy: new Policy { Classes = { new ClassPolicy { Class = BehaviourClass.Exec, DriftSinceUnixNs = Start } } });
        ClassPolicy Exec1(double met) => ClassKeeper.Keep(new Policy
        {
            Classes = { new ClassPolicy { Class = BehaviourClass.Exec, Bounds = { 3, 2.9, 2.8 }, BoundUnits = 1e6, MetBound = met } },
        }, evidence, Start + (700 * Hour)).Classes.Single(c => c.Class == BehaviourClass.Exec);
        Assert.Equal((true, 0L), (Exec1(0).Unbounded, Exec1(0).DriftSinceUnixNs));
        Assert.Equal((false, true), (Exec1(.1).Unbounded, Exec1(.1).DriftSinceUnixNs > 0));
    }

    [Fact]
    public void A_drift_takes_what_most_replicas_do_after_a_rollout_and_nothing_risky()
    {
        var evidence = Learned();
        evidence.Behaviours.Add(New("/opt/new", "image-binary", 4));
        evidence.Behaviours.Add(New("/opt/one", "image-binary", 1));
        evidence.Behaviours.Add(New("/opt/alarmed", "image-binary", 4));
        evidence.Behaviours[^1].Quarantined = true;
        evidence.Behaviours.Add(New("/tmp/dropped", "not-in-image", 4));
        var drifting = new Policy { Classes = { new ClassPolicy { Class = BehaviourClass.Exec, DriftSinceUnixNs = Start } } };
        Assert.Null(DriftAbsorption.Absorb(evidence, drifting, Live(4), [], Start + Hour));
        Assert.Null(DriftAbsorption.Absorb(evidence, drifting, Live(2), [Start], Start + Hour));
        var locked = new Policy { Mode = LearningMode.LockedByTime };
        Assert.Null(DriftAbsorption.Absorb(evidence, locked, Live(4), [Start], Start + Hour));
        Assert.Equal("/opt/new", Assert.Single(DriftAbsorption.Absorb(evidence, new Policy(), Live(4), [Start], Start + Hour)!.Behaviours).Object);
        var absorbed = DriftAbsorption.Absorb(evidence, drifting, Live(4), [Start], Start + Hour);
        Assert.Equal("/opt/new", Assert.Single(absorbed!.Behaviours).Object);
        Assert.True(absorbed.Behaviours[0].Learned);
        // The same container after three crashes is one replica, and what came with a version waits for a person.
        Assert.Null(DriftAbsorption.Absorb(evidence, drifting, Replicas("c0", "again", "and again", "once more"), [Start], Start + Hour));
        evidence.Behaviours.Single(b => b.Object == "/opt/new").ForReview = true;
        Assert.Null(DriftAbsorption.Absorb(evidence, drifting, Live(4), [Start], Start + Hour));
    }

    [Fact]
    public void A_replica_that_is_suspected_of_something_else_speaks_against_what_it_does()
    {
        var evidence = Learned();
        evidence.Behaviours.Add(New("/opt/new", "image-binary", 3));
        var key = evidence.Behaviours[^1].Key;
        LiveReplica[] Suspected(params ulong[] suspicions) => [.. Live(2), new LiveReplica("c2", suspicions)];
        bool IsAbsorbed(IReadOnlyCollection<LiveReplica> live) =>
            DriftAbsorption.Absorb(evidence, new Policy(), live, [Start], Start + Hour) is not null;

        Assert.True(IsAbsorbed(Suspected()));
        Assert.True(IsAbsorbed(Suspected(key))); // of this alone: that is the question
        Assert.False(IsAbsorbed(Suspected(0)));
        Assert.False(IsAbsorbed(Suspected(key, key + 1)));
        // Of many, one does not decide.
        evidence.Behaviours[^1] = New("/opt/new", "image-binary", 8);
        Assert.True(IsAbsorbed([.. Live(7), new LiveReplica("c7", [0])]));
    }

    static LiveReplica[] Live(int replicas) => Replicas([.. Enumerable.Range(0, replicas).Select(i => $"c{i}")]);

    static LiveReplica[] Replicas(params string[] ids) => [.. ids.Select(id => new LiveReplica(id, []))];

    /// <summary>Every node's window still holds what was new while it learned when the bound is met by what all of them saw.</summary>
    [Fact]
    public void What_was_new_on_many_nodes_while_they_learned_is_no_drift()
    {
        var random = new Random(7);
        var nodes = Enumerable.Range(0, 3).Select(node => new Baseline(Key, new BaselineOrigin(0, (ulong)node + 1), null)).ToList();
        var zipf = Enumerable.Range(1, 60).Select(rank => Math.Pow(rank, -1.3)).ToArray();
        for (var i = 1; i < zipf.Length; i++)
            zipf[i] += zipf[i - 1];
        var (policy, met) = (new Policy(), false);
        for (var hour = 0; hour < 24 * 12; hour++)
        {
            for (var replica = 0; replica < 9; replica++)
                for (var i = 0; i < 20; i++)
                {
                    var at = Array.BinarySearch(zipf, random.NextDouble() * zipf[^1]);
                    Exec(nodes[replica % 3], new ContainerFacts(Key, $"c{replica}", "1", Start) { SeenFromBirth = false },
                        Start + (hour * Hour) + i, $"/opt/{BaselinePropertyTests.Letters(at < 0 ? ~at : at)}/x");
                }
            Evidence? all = null;
            foreach (var node in nodes)
            {
                node.Advance(Start + ((hour + 1) * Hour));
                var own = node.Snapshot().Evidence;
                all = all is null ? own : EvidenceMerge.Merge(all, own);
            }
            policy = ClassKeeper.Keep(policy, all!, Start + (hour * Hour)).Clone();
            policy.Version++;
            foreach (var node in nodes)
                node.Apply(new Model { Policy = policy, Evidence = all });
            met |= policy.Classes.Any(c => c.Class == BehaviourClass.Exec && c.MetBound > 0);
            Assert.All(policy.Classes, c => Assert.Equal(0, c.DriftSinceUnixNs));
        }
        Assert.True(met);
    }

    /// <summary>A novelty in a few of many containers is theirs, though any sketch of either is full.</summary>
    [Fact]
    public void Of_many_containers_a_sample_tells_how_many_had_a_novelty()
    {
        var ledger = new RateLedger(1);
        for (var container = 0; container < 50; container++)
            ledger.AddHour(BehaviourClass.Exec, new CompleteHour(1, 1, KeyHash.Of($"c{container}"), 1, container % 5 == 0, 0));
        var recent = ledger.Recent(BehaviourClass.Exec, 0);
        Assert.Equal((50, 10, 8), (recent.Units, recent.Novel, recent.Containers));
        Assert.InRange(recent.NovelContainers, 0, 4);
    }

    static BehaviourEvidence New(string path, string mark, int replicas)
    {
        var behaviour = new BehaviourEvidence
        {
            Class = BehaviourClass.Exec,
            Actor = "a",
            Object = path,
            Key = KeyHash.Of(path),
            Mark = mark,
            FirstSeenUnixNs = Start + 1,
            Days = 1,
            MaxDay = 20_000,
            LevelKeys = { 1, 2, 3, 4 },
        };
        for (var i = 0; i < replicas; i++)
            behaviour.Containers.Add(KeyHash.Of($"c{i}"));
        return behaviour;
    }

    static ContainerFeatures Container(int number, params ulong[] features)
    {
        var container = new ContainerFeatures { Container = (ulong)number + 1 };
        container.Features.AddRange(features);
        return container;
    }

    [Fact]
    public void Containers_that_behave_in_two_ways_are_two_roles()
    {
        ulong[] common = [.. Enumerable.Range(0, 10).Select(i => (ulong)i)];
        ulong[] web = [.. Enumerable.Range(100, 12).Select(i => (ulong)i)];
        ulong[] worker = [.. Enumerable.Range(200, 12).Select(i => (ulong)i)];
        var split = RoleLearner.Learn([.. Enumerable.Range(0, 10).Select(i => Container(i, [.. common, .. i < 6 ? web : worker]))]);
        var roles = split.Roles;
        Assert.True(split.IsStable);
        Assert.Equal([6u, 4u], roles.Select(r => r.Containers));
        Assert.Subset(roles[0].Core.ToHashSet(), web.ToHashSet());
        var book = new RoleBook(roles);
        Assert.Equal("role-a", book.Assign([.. common, .. web])!.Name);
        Assert.Equal("role-b", book.Assign([.. common, .. worker])!.Name);
        Assert.Null(book.Assign([7000, 7001, 7002, 7003, 7004]));
        Assert.False(book.Knows(book.Assign([.. common, .. web])!, worker[0]));
    }

    [Fact]
    public void Containers_that_behave_alike_are_one()
    {
        var random = new Random(7);
        ulong[] all = [.. Enumerable.Range(0, 30).Select(i => (ulong)i)];
        Assert.Empty(RoleLearner.Learn([.. Enumerable.Range(0, 20).Select(i => Container(i, [.. all.Where(_ => random.NextDouble() < .9)]))]).Roles);
        Assert.Empty(RoleLearner.Learn([Container(0, all), Container(1, 900, 901)]).Roles);
    }

    /// <summary>Of hundreds of containers too, with a little noise: found by both halves of the features, else not relied on.</summary>
    [Fact]
    public void Roles_are_relied_on_when_each_half_of_the_features_finds_them()
    {
        var random = new Random(11);
        ulong[] common = [.. Enumerable.Range(0, 15).Select(i => (ulong)i)];
        ContainerFeatures Of(int i, int own) => Container(i,
            [.. common, .. Enumerable.Range(1000 * (1 + (i % 3)), own).Where(_ => random.NextDouble() < .95).Select(f => (ulong)f)]);
        var many = RoleLearner.Learn([.. Enumerable.Range(0, 255).Select(i => Of(i, 12))]);
        Assert.Equal((3, true), (many.Roles.Count, many.IsStable));
        Assert.All(many.Roles, role => Assert.Equal(85u, role.Containers));
        // What one half alone shows: every second feature, in the order of keys.
        ulong[] lopsided = [.. Enumerable.Range(0, 40).Select(i => (ulong)(2 * i))];
        ulong[] shared = [.. Enumerable.Range(0, 40).Select(i => (ulong)((2 * i) + 1))];
        Assert.False(RoleLearner.Learn([.. Enumerable.Range(0, 12).Select(i =>
            Container(i, [.. shared, .. lopsided.Where((_, f) => f % 2 == i % 2)]))]).IsStable);
    }

    [Fact]
    public void A_role_keeps_its_name_when_another_grows_larger()
    {
        Role Of(string name, int first) => new() { Name = name, Core = { Enumerable.Range(first, 10).Select(i => (ulong)i) } };
        var renamed = RoleLearner.Renamed([Of("role-a", 0), Of("role-b", 100)], [Of("role-a", 101), Of("role-b", 500), Of("role-c", 1)]);
        Assert.Equal(["role-b", "role-c", "role-a"], renamed.Select(role => role.Name));
    }

    [Fact]
    public void Agreement_of_partitions_is_corrected_for_chance()
    {
        List<List<int>> a = [[0, 1, 2], [3, 4, 5]];
        Assert.Equal(1, RoleClusters.AdjustedRand(a, [[3, 4, 5], [0, 1, 2]], 6), 12);
        Assert.Equal(0, RoleClusters.AdjustedRand(a, [[0, 1, 2, 3, 4, 5]], 6), 12);
        Assert.Equal(-1.0 / 9, RoleClusters.AdjustedRand(a, [[0, 1, 3], [2, 4, 5]], 6) , 12);
    }
}
