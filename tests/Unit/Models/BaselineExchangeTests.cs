using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class BaselineExchangeTests
{
    readonly WorkloadUnderTest _one = new();

    [Fact]
    public void A_snapshot_keeps_every_verdict()
    {
        foreach (var name in (string[])["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"])
            _one.Write($"/srv/out/{name}.png");
        _one.Exec("/usr/bin/convert", "convert", "a.png");
        _one.Connect("10.0.0.5", 5432);
        var other = new WorkloadUnderTest();
        other.Baseline.Apply(_one.Baseline.Snapshot());
        foreach (var workload in (WorkloadUnderTest[])[_one, other])
        {
            workload.Lock(LearningMode.LockedByHand);
            Assert.Equal(VerdictKind.Known, workload.Write("/srv/out/owl.png").Kind);
            Assert.Equal(VerdictKind.Known, workload.Exec("/usr/bin/convert", "convert", "a.png").Kind);
            Assert.Equal(VerdictKind.Known, workload.Connect("10.0.0.5", 5432).Kind);
            Assert.Equal(VerdictKind.Anomalous, workload.Connect("10.0.0.6", 5432).Kind);
            Assert.Equal(VerdictKind.Anomalous, workload.Exec("/usr/bin/convert", "convert", "b.txt", "--x").Kind);
        }
    }

    [Fact]
    public void A_replica_on_another_node_inherits_what_the_first_learned()
    {
        _one.Exec("/usr/sbin/nginx", "nginx");
        var delta = _one.Baseline.TakeDelta()!;
        var replica = new WorkloadUnderTest { Container = new ContainerFacts(Key, "c2", "1.25", Start) };
        replica.Baseline.Apply(new Model { Evidence = delta, Policy = new Policy { Version = 1, Mode = LearningMode.LockedByHand } });
        Assert.Equal(VerdictKind.Known, replica.Exec("/usr/sbin/nginx", "nginx").Kind);
    }

    [Fact]
    public void A_delta_holds_what_changed_until_it_is_acknowledged()
    {
        Assert.Null(_one.Baseline.TakeDelta());
        _one.Exec("/bin/a", "a");
        var first = _one.Baseline.TakeDelta()!;
        Assert.Single(first.Behaviours);
        _one.Exec("/bin/b", "b");
        var second = _one.Baseline.TakeDelta()!;
        Assert.Equal(2, second.Behaviours.Count); // the first was not acknowledged
        _one.Baseline.Acknowledge(0, first.Revision);
        Assert.Equal(2, _one.Baseline.TakeDelta()!.Behaviours.Count); // sent again with the second
        _one.Exec("/bin/c", "c");
        _one.Baseline.Acknowledge(0, 100);
        Assert.Null(_one.Baseline.TakeDelta());
        _one.Exec("/bin/c", "c");
        Assert.Null(_one.Baseline.TakeDelta()); // once more in the same unit is no news
        _one.Now += 2 * Hour;
        _one.Exec("/bin/c", "c");
        Assert.Single(_one.Baseline.TakeDelta()!.Behaviours);
    }

    [Fact]
    public void A_large_delta_comes_in_parts_and_nothing_is_forgotten()
    {
        for (var i = 0; i < 2500; i++)
            _one.Exec($"/opt/{BaselinePropertyTests.Letters(i)}", "x");
        var seen = new HashSet<ulong>();
        for (var parts = 0; _one.Baseline.TakeDelta() is { } delta; parts++)
        {
            Assert.True(delta.Behaviours.Count <= 1024 && parts < 5);
            seen.UnionWith(delta.Behaviours.Select(b => b.Key));
            _one.Baseline.Acknowledge(delta.Generation, delta.Revision);
        }
        Assert.Equal(_one.Baseline.Behaviours, seen.Count);
    }

    [Fact]
    public void A_reset_forgets_and_refuses_older_evidence()
    {
        _one.Exec("/bin/a", "a");
        var old = _one.Baseline.Snapshot();
        _one.Baseline.Apply(new Model { Policy = new Policy { Generation = 1, Version = 2, Mode = LearningMode.LockedByHand } });
        Assert.Equal(0, _one.Baseline.Behaviours);
        Assert.Equal(1ul, _one.Baseline.Generation);
        _one.Baseline.Apply(new Model { Evidence = old.Evidence });
        Assert.Equal(1, _one.Baseline.Counters.EvidenceRefused);
        Assert.Equal(VerdictKind.Anomalous, _one.Exec("/bin/a", "a").Kind);
    }

    [Fact]
    public void The_policy_with_the_highest_version_holds()
    {
        _one.Lock(LearningMode.LockedByHand, version: 5);
        _one.Baseline.Apply(new Model { Policy = new Policy { Version = 4, Mode = LearningMode.Learning } });
        Assert.Equal(LearningState.LockedByHand, _one.Baseline.StateAt(_one.Now));
        _one.Baseline.Apply(new Model { Policy = new Policy { Version = 6, Mode = LearningMode.Learning } });
        Assert.Equal(LearningState.Learning, _one.Baseline.StateAt(_one.Now));
    }

    [Fact]
    public void What_alerted_in_a_lock_can_be_learned_after_an_extension()
    {
        _one.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Anomalous, _one.Exec("/bin/report", "report").Kind);
        _one.Baseline.Apply(new Model { Policy = new Policy { Version = 2, Mode = LearningMode.Learning } });
        Assert.Equal(VerdictKind.Learned, _one.Exec("/bin/report", "report").Kind);
    }

    [Fact]
    public void Strict_classes_are_those_of_the_policy()
    {
        var policy = new Policy { Version = 1, Mode = LearningMode.LockedByHand };
        policy.StrictClasses.Add(BehaviourClass.NetOut);
        _one.Baseline.Apply(new Model { Policy = policy });
        Assert.Equal(VerdictKind.Pending, _one.Exec("/bin/report", "report").Kind);
        Assert.True(_one.Connect("10.0.0.1", 80).Anomaly!.StrictLock);
    }

    [Fact]
    public void High_risk_is_held_back_until_two_containers_did_it_on_two_days()
    {
        var first = _one.Container;
        var second = new ContainerFacts(Key, "c2", "1.25", Start);
        Assert.Equal(VerdictKind.Pending, _one.Connect("169.254.169.254", 80).Kind);
        Assert.True(_one.Baseline.Snapshot().Evidence.Behaviours.Single().Quarantined);
        _one.Now += Day;
        Assert.Equal(VerdictKind.Pending, _one.Connect("169.254.169.254", 80).Kind);
        _one.Container = second;
        Assert.Equal(VerdictKind.Learned, _one.Connect("169.254.169.254", 80).Kind);
        _one.Container = first;
        Assert.Equal(VerdictKind.Known, _one.Connect("169.254.169.254", 80).Kind);
    }

    [Fact]
    public void Quiet_hours_count_and_start_up_partial_and_lossy_hours_do_not()
    {
        _one.Container = _one.Container with { };
        _one.Exec("/bin/a", "a"); // within the first ten minutes
        _one.Now = Start + (30 * 60 * Second);
        _one.Exec("/bin/a", "a"); // the rest of the first hour
        _one.Baseline.Advance(Start + (5 * Hour));
        Assert.Equal(4, Progress(Start + (5 * Hour)).Units);
        _one.Baseline.Lost(_one.Container, BehaviourClass.Unspecified, Start + (5 * Hour) + 1);
        _one.Baseline.Ended(_one.Container, Start + (7 * Hour));
        Assert.Equal(5, Progress(Start + (7 * Hour)).Units);
    }

    [Fact]
    public void A_job_counts_runs()
    {
        for (var run = 0; run < 3; run++)
        {
            _one.Container = new ContainerFacts(Key, $"job-{run}", "1", _one.Now) { RunsToCompletion = true };
            _one.Exec("/bin/backup", "backup");
            _one.Now += 60 * Second;
            _one.Baseline.Ended(_one.Container, _one.Now);
            _one.Now += Day;
        }
        Assert.Equal(3, Progress(_one.Now).Units);
    }

    /// <summary>So many hours in which nothing happens and somebody looks.</summary>
    void Watch(int hours)
    {
        for (var hour = 1; hour <= hours; hour++)
            _one.Baseline.Advance(Start + (hour * Hour));
    }

    [Fact]
    public void Enough_quiet_container_hours_make_a_workload_operational()
    {
        _one.Exec("/bin/a", "a");
        _one.Now += 20 * Minutes;
        Assert.Equal(LearningState.Learning, _one.Baseline.StateAt(_one.Now));
        Watch(362); // beta .2 needs 360 hours, the strictest class
        Assert.Equal(LearningState.Operational, _one.Baseline.StateAt(Start + (362 * Hour)));
        var progress = LearningProgress.Of(_one.Baseline.Snapshot().Evidence, new Policy(), _one.Now);
        Assert.Equal(LearningState.Operational, progress.State);
        Assert.Equal(1, progress.EvidenceFraction);
    }

    [Fact]
    public void Progress_of_little_evidence_is_a_fraction()
    {
        _one.Exec("/bin/a", "a");
        Assert.Equal(0, Progress(_one.Now).EvidenceFraction);
        Watch(73);
        var progress = Progress(_one.Now);
        Assert.InRange(progress.EvidenceFraction, .19, .21); // 72 of 360 hours
        Assert.Equal("locked by time", LearningStates.NameOf(LearningProgress.Of(_one.Baseline.Snapshot().Evidence,
            new Policy { Mode = LearningMode.Learning, LearningUntilUnixNs = 5 }, 5).State));
    }

    [Fact]
    public void One_bound_holds_for_all_baselines_of_a_node()
    {
        var set = new BaselineSet(8 << 20); // 21 baselines, 4096 behaviours
        for (var i = 0; i < 40; i++)
        {
            var workload = new WorkloadUnderTest { Baseline = set.GetOrAdd(new WorkloadKey("ns", $"image-{i}")), Now = Start + i };
            for (var j = 0; j < 400; j++)
                workload.Exec($"/opt/{BaselinePropertyTests.Letters(j)}", "x");
        }
        Assert.True(set.Behaviours <= 4096);
        Assert.Equal(set.Behaviours, set.All.Sum(b => b.Behaviours));
        Assert.Equal(40, set.Count + set.Evicted);
        Assert.True(set.TryGet(new WorkloadKey("ns", "image-39"), out _));
        Assert.False(set.TryGet(new WorkloadKey("ns", "image-0"), out _));
    }

    const long Minutes = 60 * Second;

    ClassProgress Progress(long nowNs) =>
        LearningProgress.Of(_one.Baseline.Snapshot().Evidence, new Policy(), nowNs).Classes.First(c => c.Class == BehaviourClass.Exec);

    /// <summary>A delta nobody acknowledged is not made good by the word for a later one that had no room for it.</summary>
    [Fact]
    public void What_was_sent_in_vain_is_sent_again_however_full_the_deltas_are()
    {
        void Write(int from, int to)
        {
            for (var i = from; i < to; i++)
                _one.Exec($"/opt/{BaselinePropertyTests.Letters(i)}");
        }
        var collected = new HashSet<ulong>();
        void Acknowledged()
        {
            while (_one.Baseline.TakeDelta() is { } delta)
            {
                collected.UnionWith(delta.Behaviours.Select(b => b.Key));
                _one.Baseline.Acknowledge(_one.Baseline.Generation, delta.Revision);
            }
        }
        Write(0, 1000);
        Acknowledged();
        Write(1000, 1500);
        Assert.NotNull(_one.Baseline.TakeDelta());
        _one.Now += WorkloadUnderTest.Hour;
        Write(0, 1000);
        Acknowledged();
        Assert.Subset(collected, _one.Baseline.Snapshot().Evidence.Behaviours.Select(b => b.Key).ToHashSet());
    }
}
