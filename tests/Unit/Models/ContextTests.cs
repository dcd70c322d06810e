using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Policies by class, what people said, versions, volumes, and known behaviours where they never were.</summary>
public sealed class ContextTests
{
    readonly WorkloadUnderTest _web = new() { Container = new ContainerFacts(Key, "c1", "1", Start) { SeenFromBirth = false } };

    void Obey(Policy policy)
    {
        policy.Version = _web.Baseline.Policy.Version + 1;
        _web.Baseline.Apply(new Model { Policy = policy });
    }

    /// <summary>So many container-hours of one program and one peer.</summary>
    void Learn(int hours)
    {
        for (var hour = 0; hour < hours; hour++, _web.Now += Hour)
        {
            _web.Exec("/usr/bin/date", "date");
            _web.Connect("10.0.0.1", 5432);
        }
    }

    [Fact]
    public void A_class_can_be_locked_while_others_learn()
    {
        Obey(new Policy { Classes = { new ClassPolicy { Class = BehaviourClass.Exec, Mode = LearningMode.LockedByHand } } });
        Assert.Equal(VerdictKind.Anomalous, _web.Exec("/usr/bin/id", "id").Kind);
        Assert.Equal(VerdictKind.Learned, _web.Connect("10.0.0.7", 80).Kind);
        Assert.Equal(LearningState.LockedByHand, _web.Baseline.StateOf(BehaviourClass.Exec, _web.Now));
        Assert.Equal(LearningState.Learning, _web.Baseline.StateOf(BehaviourClass.NetOut, _web.Now));
    }

    [Fact]
    public void Frozen_learns_nothing_and_asserts_nothing()
    {
        Learn(10);
        Obey(new Policy { Mode = LearningMode.Frozen });
        Assert.Equal(VerdictKind.Pending, _web.Exec("/usr/bin/sort", "sort").Kind);
        _web.Now += Hour;
        Assert.Equal(VerdictKind.Pending, _web.Exec("/usr/bin/sort", "sort").Kind);
        Assert.Equal(VerdictKind.Known, _web.Exec("/usr/bin/date", "date").Kind);
    }

    [Fact]
    public void What_cannot_be_learned_is_accepted_where_its_kind_is_known()
    {
        for (var i = 0; i < 3; i++)
            _web.Write($"/srv/run/{BaselinePropertyTests.Letters(i)}/a.dat");
        Obey(new Policy { Classes = { new ClassPolicy { Class = BehaviourClass.FileWrite, Unbounded = true } } });
        Assert.Equal(VerdictKind.Learned, _web.Write("/srv/run/a/b.dat").Kind);
        Assert.Equal("unbounded", LearningStates.NameOf(_web.Baseline.StateOf(BehaviourClass.FileWrite, _web.Now)));
        Assert.NotEqual(VerdictKind.Learned, _web.Write("/etc/cron.d/x").Kind);
    }

    [Theory]
    [InlineData(OverrideScope.Behaviour)]
    [InlineData(OverrideScope.Pattern)]
    [InlineData(OverrideScope.Class)]
    public void An_allow_holds_until_it_expires_or_goes(OverrideScope scope)
    {
        _web.Lock(LearningMode.LockedByHand);
        var alert = _web.Exec("/usr/bin/id", "id");
        Assert.Equal(VerdictKind.Anomalous, alert.Kind);
        var allow = new Override
        {
            Kind = OverrideKind.Allow,
            Scope = scope,
            Class = BehaviourClass.Exec,
            Key = alert.Anomaly!.BehaviourKey,
            Actor = "*nginx",
            Object = "/usr/bin/id*",
            ExpiresUnixNs = _web.Now + Hour,
        };
        Assert.Null(Overrides.Refuse(allow));
        Obey(new Policy { Mode = LearningMode.LockedByHand, Overrides = { allow } });
        Assert.Equal(VerdictKind.Known, _web.Exec("/usr/bin/id", "id").Kind);
        _web.Now += Hour;
        Assert.Equal(VerdictKind.Anomalous, _web.Exec("/usr/bin/id", "id").Kind);
        Obey(new Policy { Mode = LearningMode.LockedByHand });
        _web.Now += Hour;
        Assert.Equal(VerdictKind.Anomalous, _web.Exec("/usr/bin/id", "id").Kind);
    }

    /// <summary>Names with what a terminal must not get, or too long to show, are allowed as they were shown.</summary>
    [Theory]
    [InlineData("/opt/a\u001b[31mb")]
    [InlineData("/opt/é\ncron")]
    [InlineData(null)]
    public void A_pattern_covers_what_a_person_was_shown(string? path)
    {
        path ??= $"/opt/{new string('x', 300)}";
        Obey(new Policy { Mode = LearningMode.LockedByHand });
        var shown = _web.Exec(path, "x").Anomaly!.Behaviour.Split(" -> ");
        var allow = new Override
        {
            Kind = OverrideKind.Allow, Scope = OverrideScope.Pattern, Class = BehaviourClass.Exec, Actor = shown[0], Object = shown[1],
        };
        Obey(new Policy { Mode = LearningMode.LockedByHand, Overrides = { allow } });
        _web.Now += Hour;
        Assert.Equal(VerdictKind.Known, _web.Exec(path, "x").Kind);
        Assert.Equal(VerdictKind.Anomalous, _web.Exec("/opt/other", "x").Kind);
    }

    [Fact]
    public void Only_an_allow_of_exactly_it_silences_a_critical_rule()
    {
        var alert = _web.Open("/etc/shadow").Anomaly!;
        var allow = new Override { Kind = OverrideKind.Allow, Scope = OverrideScope.Class, Class = BehaviourClass.SensRead };
        Obey(new Policy { Overrides = { allow } });
        _web.Now += Hour;
        Assert.Equal("credential-read", _web.Open("/etc/shadow").Anomaly!.Rule);
        allow.Scope = OverrideScope.Behaviour;
        allow.Key = alert.BehaviourKey;
        Obey(new Policy { Overrides = { allow } });
        _web.Now += Hour;
        Assert.Equal(VerdictKind.Known, _web.Open("/etc/shadow").Kind);
        Assert.Equal("credential-read", _web.Open("/etc/gshadow").Anomaly!.Rule);
    }

    [Fact]
    public void A_deny_alerts_in_every_state_and_wins_over_an_allow()
    {
        _web.Exec("/usr/bin/date", "date");
        var (deny, allow) = (new Override { Kind = OverrideKind.Deny, Scope = OverrideScope.Pattern, Class = BehaviourClass.Exec, Actor = "*", Object = "/usr/bin/date" },
            new Override { Kind = OverrideKind.Allow, Scope = OverrideScope.Class, Class = BehaviourClass.Exec });
        Obey(new Policy { Overrides = { allow, deny } });
        var verdict = _web.Exec("/usr/bin/date", "date");
        Assert.Equal(("denied", VerdictKind.Anomalous), (verdict.Anomaly!.Rule, verdict.Kind));
    }

    [Fact]
    public void An_override_of_one_version_is_of_that_version()
    {
        _web.Lock(LearningMode.LockedByHand);
        Obey(new Policy
        {
            Mode = LearningMode.LockedByHand,
            Overrides = { new Override { Kind = OverrideKind.Allow, Scope = OverrideScope.Class, Class = BehaviourClass.Exec, Version = "2" } },
        });
        Assert.Equal(VerdictKind.Anomalous, _web.Exec("/usr/bin/id", "id").Kind);
        _web.Container = new ContainerFacts(Key, "c2", "2", Start) { SeenFromBirth = false };
        Assert.Equal(VerdictKind.Known, _web.Exec("/usr/bin/id", "id").Kind);
    }

    [Fact]
    public void What_a_new_version_brings_is_for_review_and_named_as_new()
    {
        Learn(1600);
        Assert.Equal(LearningState.Operational, _web.Baseline.StateOf(BehaviourClass.Exec, _web.Now));
        _web.Container = new ContainerFacts(Key, "c2", "2", _web.Now) { SeenFromBirth = false };
        Assert.Equal(VerdictKind.Known, _web.Exec("/usr/bin/date", "date").Kind);
        Assert.Equal(VerdictKind.Pending, _web.Exec("/usr/bin/bash", "bash").Kind);
        for (var hour = 0; hour < 30; hour++, _web.Now += Hour)
            _web.Exec("/usr/bin/date", "date");
        var late = _web.Exec("/usr/bin/nc", "nc", "-l");
        Assert.Equal(VerdictKind.Anomalous, late.Kind);
        Assert.Equal("2", late.Anomaly!.Explanation.Version);
        // What began while the version was new stays in its list: waiting for a person makes no night shift's alarm of it.
        Assert.Equal(VerdictKind.Pending, _web.Exec("/usr/bin/bash", "bash").Kind);
        var evidence = _web.Baseline.Snapshot().Evidence;
        Assert.Equal(["1", "2"], evidence.Versions.Select(v => v.Version).Order());
        var bash = evidence.Behaviours.Single(b => b.Object.StartsWith("/usr/bin/bash", StringComparison.Ordinal));
        Assert.Equal(KeyHash.Of("2"), Assert.Single(bash.Versions));
    }

    /// <summary>A worked number: 48 events in 24 hours; 8 or more in the next.</summary>
    [Fact]
    public void Volumes_of_the_specification()
    {
        var counts = new VolumeCounts(24, 48, 96);
        Assert.Equal(0.00139132, VolumeStatistics.Tail(counts, 8), 8);
        Assert.Equal(8.41067, VolumeStatistics.Tail(counts, 20) * 1e13, 4);
        Assert.Equal(1, VolumeStatistics.Tail(counts, 0));
        // Counts that vary more than a Poisson process would have a longer tail.
        Assert.True(VolumeStatistics.Tail(counts with { Squares = 400 }, 20) > 1e-9);
    }

    [Fact]
    public void A_flood_of_a_known_behaviour_alerts_once_in_an_hour()
    {
        Learn(800);
        var alerts = 0;
        for (var i = 0; i < 5000; i++)
            if (_web.Exec("/usr/bin/date", "date") is { Kind: VerdictKind.Anomalous } verdict)
            {
                Assert.Equal("volume", verdict.Anomaly!.Rule);
                Assert.Contains("in an hour, where 1", verdict.Anomaly.Summary, StringComparison.Ordinal);
                alerts++;
            }
        Assert.Equal(1, alerts);
    }

    [Fact]
    public void Many_peers_in_an_hour_alert_as_a_fan_out()
    {
        for (var i = 0; i < 10; i++)
            _web.Connect($"10.0.0.{i + 1}", 5432);
        Learn(800);
        _web.Baseline.Apply(new Model { Policy = new Policy { Version = 9, Mode = LearningMode.LockedByTime } });
        var rules = Enumerable.Range(0, 200).Select(i => _web.Connect($"10.0.0.{i}", 5432).Anomaly?.Rule).Where(r => r is not null).ToList();
        Assert.Contains("fan-out", rules);
    }

    [Fact]
    public void A_known_behaviour_at_an_hour_it_never_had_is_judged_as_such()
    {
        _web.Baseline.Apply(new Model { Policy = new Policy { Version = 1, LearningUntilUnixNs = 0 } });
        for (var hour = 0; hour < 24 * 40; hour++, _web.Now += Hour)
        {
            _web.Exec("/usr/bin/date", "date");
            if (hour % 24 == 4)
                _web.Exec("/usr/bin/backup", "backup");
        }
        _web.Now += 15 * Hour;
        var verdict = _web.Exec("/usr/bin/backup", "backup");
        // Seen once so in forty days: too likely to alert by itself, and no longer new the next time.
        Assert.Equal(VerdictKind.Known, verdict.Kind);
        Assert.Equal(1ul, _web.Baseline.Snapshot().Evidence.Rates.Single().Classes.Single(c => c.Class == BehaviourClass.Exec).NewHour);
    }

    [Fact]
    public void Kneser_Ney_numbers_of_the_specification()
    {
        // a6 b2 c1 d1, d = .5, theta = 1, base .1 for those known and .001 for z.
        static double P(double seen, double parent) => BackOff.Probability(10, 4, seen, .5, 1, parent);
        Assert.Equal(.527273, P(6, .1), 6);
        Assert.Equal(.163636, P(2, .1), 6);
        Assert.Equal(.072727, P(1, .1), 6);
        Assert.Equal(.000272727, P(0, .001), 9);
        Assert.Equal(.165455, BackOff.Probability(4, 2, 1, .5, 1, P(2, .1)), 6);
        Assert.Equal(.000109091, BackOff.Probability(4, 2, 0, .5, 1, P(0, .001)), 9);
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("*", "", true)]
    [InlineData("*", "anything", true)]
    [InlineData("a*c", "abbbc", true)]
    [InlineData("a*c", "abbb", false)]
    [InlineData("*nginx*", "/usr/sbin/nginx -g", true)]
    [InlineData("a*b*c", "axxbyyc", true)]
    [InlineData("a*b*c", "axxcyyb", false)]
    [InlineData("abc", "abcd", false)]
    public void Wildcards(string pattern, string text, bool matches) => Assert.Equal(matches, Wildcard.Matches(pattern, text));
}
