using CsCheck;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>What is weighed by how rare it is: scores in the grey zone, contexts, scans, and the same from many replicas.</summary>
public sealed class RareTests
{
    readonly WorkloadUnderTest _web = new();

    static ContainerFacts Replica(int number) => new(Key, $"c{number}", "1", Start) { SeenFromBirth = false };

    void Learn(int hours, params int[] replicas)
    {
        for (var hour = 0; hour < hours; hour++, _web.Now += Hour)
            foreach (var replica in replicas)
            {
                _web.Container = Replica(replica);
                _web.Exec("/usr/bin/date", "date");
                _web.Connect("10.0.0.1", 5432);
            }
    }

    ClassRates Rates(BehaviourClass behaviourClass) =>
        _web.Baseline.Snapshot().Evidence.Rates.Single().Classes.Single(c => c.Class == behaviourClass);

    /// <summary>Whatever a workload's grey scores were, a benign one is worth 1 in the mean: the bound of false incidents needs it.</summary>
    [Fact]
    public void The_ratio_of_a_score_is_an_E_value() => Gen.Double[0, 1000].Array[GreyScore.Bins].Sample(counts =>
    {
        double[] within = [.02, .05, .2, .5], ends = [0, .0316, .1, .316, 1];
        var mean = 0.0;
        for (var bin = 0; bin < GreyScore.Bins; bin++)
        {
            Assert.Equal(bin, GreyScore.BinOf(within[bin]));
            var benign = (counts[bin] + (20 * (ends[bin + 1] - ends[bin]))) / (counts.Sum() + 20);
            mean += benign * GreyScore.Ratio(within[bin], counts);
        }
        Assert.Equal(1, mean, 9);
    });

    [Fact]
    public void Two_ratios_count_as_their_mean()
    {
        Assert.Equal(0, GreyScore.Bits(1, 1));
        Assert.Equal(1, GreyScore.Bits(4, 0));
        Assert.Equal(Math.Log2(1.25), GreyScore.Bits(.5, 2), 12);
    }

    [Fact]
    public void A_scan_of_peers_it_never_talked_to_alerts_as_a_fan_out()
    {
        Learn(800, 1);
        var rules = Enumerable.Range(0, 200).Select(i => _web.Connect($"10.9.{i / 100}.{i}", 5432).Anomaly?.Rule)
            .Where(rule => rule is not null).ToList();
        Assert.Equal(["fan-out"], rules.Distinct());
    }

    /// <summary>While a class learns much is new in it, and a scan is a scan all the same: by its own time of the week.</summary>
    [Fact]
    public void A_scan_is_told_while_names_are_still_learned()
    {
        for (var hour = 0; hour < 24 * 7 * 4; hour++, _web.Now += Hour)
        {
            _web.Container = Replica(1);
            _web.Connect($"10.{hour / 250}.{hour % 250}.7", 5432);
        }
        // Its peers are one hard pattern by now, which is no novelty any more.
        Assert.True(LearningStates.Learns(_web.Baseline.StateOf(BehaviourClass.NetOut, _web.Now)));
        Assert.Contains("fan-out", Enumerable.Range(0, 200).Select(i => _web.Connect($"10.200.{i}.1", 5432).Anomaly?.Rule));
    }

    [Fact]
    public void What_many_replicas_do_in_a_day_is_suspicious_once()
    {
        Learn(400, 1, 2, 3);
        foreach (var replica in (int[])[1, 2, 3])
        {
            _web.Container = Replica(replica);
            Assert.Equal(VerdictKind.Pending, _web.Exec("/usr/bin/sort", "sort").Kind);
        }
        Assert.Equal(1ul, Rates(BehaviourClass.Exec).Grey);
        Assert.Equal(1ul, Rates(BehaviourClass.Exec).GreyByScore.Aggregate(0ul, (sum, count) => sum + count));
        Learn(26, 1, 2, 3);
        _web.Container = Replica(4);
        Assert.Equal(VerdictKind.Pending, _web.Exec("/usr/bin/sort", "sort").Kind);
        Assert.Equal(2ul, Rates(BehaviourClass.Exec).Grey);
    }

    /// <summary>From events over reviews of the evidence to a role, and then what is every day's for others is not for this one.</summary>
    [Fact]
    public void What_replicas_of_another_role_do_is_new_for_this_one()
    {
        var review = new EvidenceReview();
        for (var hour = 0; hour < 30; hour++, _web.Now += Hour)
        {
            for (var replica = 0; replica < 6; replica++)
            {
                _web.Container = Replica(replica);
                for (var program = 0; program < 6; program++)
                    _web.Exec($"/opt/{(replica % 2 == 0 ? "even" : "odd")}/{program}", "x");
            }
            var evidence = _web.Baseline.Snapshot().Evidence;
            review.Read(evidence);
            _web.Baseline.Apply(new Model { Policy = review.Decide(_web.Baseline.Policy, evidence, _web.Now) });
        }
        Assert.Equal(["role-a", "role-b"], _web.Baseline.Policy.Roles.Select(role => role.Name));
        Assert.Equal(0ul, Rates(BehaviourClass.Exec).NewRole);
        _web.Container = Replica(0);
        _web.Exec("/opt/even/1", "x");
        Assert.Equal(0ul, Rates(BehaviourClass.Exec).NewRole);
        _web.Exec("/opt/odd/1", "x");
        Assert.Equal(1ul, Rates(BehaviourClass.Exec).NewRole);
    }

    /// <summary>A service that starts once in a month is no less known for it: only what comes after the start has a calendar.</summary>
    [Fact]
    public void What_only_start_ups_do_leaves_the_calendar_complete()
    {
        bool IsComplete()
        {
            var (statistics, _) = LearningProgress.Statistics(_web.Baseline.Snapshot().Evidence);
            return statistics.IsCalendarComplete(BehaviourClass.Exec, runs: false);
        }
        _web.Container = new ContainerFacts(Key, "c1", "1", Start);
        _web.Exec("/usr/sbin/nginx", "nginx");
        for (var hour = 0; hour < 24 * 8; hour++, _web.Now += Hour)
            _web.Exec("/usr/bin/date", "date");
        _web.Baseline.Advance(_web.Now);
        Assert.True(IsComplete());
        _web.Exec("/usr/bin/backup", "backup");
        Assert.False(IsComplete());
    }

    [Fact]
    public void What_came_new_into_contexts_long_ago_is_forgotten()
    {
        var ledger = new RateLedger(1);
        void Hours(int count)
        {
            for (var hour = 0; hour < count; hour++)
                ledger.AddHour(BehaviourClass.Exec, new CompleteHour((ulong)hour, hour, 1, 1, false, 0));
        }
        Hours(10);
        ledger.AddContext(BehaviourClass.Exec, BehaviourContext.Role);
        Assert.Equal((1, 10), ledger.Context(BehaviourClass.Exec, BehaviourContext.Role));
        Hours(1000);
        var kept = Assert.Single(ledger.ToEvidence(onlyChanged: false));
        var restored = new RateLedger(2);
        restored.Merge(kept, changed: false);
        Assert.Equal((1, 1010), restored.Context(BehaviourClass.Exec, BehaviourContext.Role));
        Hours(400);
        Assert.Equal((0, 738), ledger.Context(BehaviourClass.Exec, BehaviourContext.Role));
    }

    /// <summary>Whoever takes turns with another replica, or has said something of another behaviour, keeps the short way.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_known_allocates_nothing_whoever_else_does_it(bool withOverride)
    {
        void Both()
        {
            foreach (var replica in _replicas)
            {
                _web.Container = replica;
                _web.Exec("/bin/sh", "sh", "-c", "date | sort");
            }
        }
        for (var hour = 0; hour < 3; hour++, _web.Now += Hour)
            Both();
        if (withOverride)
            _web.Baseline.Apply(new Model
            {
                Policy = new Policy
                {
                    Version = 2,
                    Overrides = { new Override { Kind = OverrideKind.Allow, Scope = OverrideScope.Pattern, Class = BehaviourClass.Exec, Actor = "*", Object = "/opt/*" } },
                },
            });
        Both();
        byte[] path = [.. "/bin/sh"u8], arguments = [.. "sh\0-c\0date | sort\0"u8];
        void Times(int count)
        {
            for (var i = 0; i < count; i++)
                foreach (var replica in _replicas)
                    _web.Baseline.Observe(new ContainerEvent
                    {
                        TimeNs = _web.Now, Kind = EventKind.Exec, Container = replica, Actor = _web.Actor, Path = path, Arguments = arguments,
                    });
        }
        Times(1100); // volumes are looked at when they double
        var before = GC.GetAllocatedBytesForCurrentThread();
        Times(800);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    readonly ContainerFacts[] _replicas = [Replica(1), Replica(2)];

    /// <summary>A second replica on a second day is what high risk needs, and not all: what alarmed stays an alarm.</summary>
    [Fact]
    public void What_alarms_is_not_learned_by_doing_it_again()
    {
        Learn(24 * 40, 1, 2);
        foreach (var replica in (int[])[1, 2, 1, 2])
        {
            _web.Now += 20 * Hour;
            _web.Container = Replica(replica);
            Assert.Equal(VerdictKind.Anomalous, _web.Connect("169.254.169.254", 80).Kind);
        }
    }

    [Fact]
    public void A_context_counts_once_in_a_unit_however_often_containers_take_turns()
    {
        What_replicas_of_another_role_do_is_new_for_this_one();
        for (var i = 0; i < 100; i++)
            foreach (var replica in (int[])[0, 1])
            {
                _web.Container = Replica(replica);
                _web.Exec("/opt/odd/2", "x");
            }
        Assert.Equal(2ul, Rates(BehaviourClass.Exec).NewRole);
    }

    /// <summary>A job is counted by its runs, and too much of what it does is told as of a service.</summary>
    [Fact]
    public void A_job_that_scans_is_told_by_its_runs()
    {
        for (var run = 0; run < 200; run++, _web.Now += 6 * Hour)
        {
            _web.Container = new ContainerFacts(Key, $"run{run}", "1", _web.Now) { RunsToCompletion = true };
            _web.Connect("10.0.0.1", 5432);
            _web.Baseline.Ended(_web.Container, _web.Now + Hour);
        }
        _web.Container = new ContainerFacts(Key, "bad", "1", _web.Now) { RunsToCompletion = true };
        Assert.Contains("fan-out", Enumerable.Range(0, 500).Select(i => _web.Connect($"10.9.{i / 200}.{i % 200}", 5432).Anomaly?.Rule));
    }

    /// <summary>A machine that slept, an agent that hung: weeks of silence are not weeks of watching.</summary>
    [Fact]
    public void A_gap_is_no_learning_time()
    {
        double Units() => LearningProgress.Statistics(_web.Baseline.Snapshot().Evidence).Statistics.Units(BehaviourClass.FileWrite);
        _web.Container = Replica(1);
        _web.Write("/srv/a");
        _web.Now += 1000 * Hour;
        _web.Write("/srv/a");
        Assert.Equal(0, Units());
        _web.Now += 10 * Hour;
        _web.Baseline.Skip(_web.Now);
        _web.Baseline.Advance(_web.Now + (3 * Hour));
        Assert.Equal(2, Units()); // the hour in which it came back is void too
    }
}
