using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Nobody buys leniency by being unusual, and nobody is told the same twice within an hour.</summary>
public sealed class LeniencyTests
{
    readonly WorkloadUnderTest _web = new() { Container = new ContainerFacts(Key, "c1", "1", Start) { SeenFromBirth = false } };

    void Learn(int hours)
    {
        for (var hour = 0; hour < hours; hour++, _web.Now += Hour)
            _web.Exec("/usr/bin/date", "date");
    }

    /// <summary>Small steps, one an hour: those after the suspicion make the next ones no more likely to be benign.</summary>
    [Fact]
    public void Steps_of_a_container_under_suspicion_do_not_raise_the_rate_of_its_class()
    {
        Learn(600);
        var told = false;
        for (var step = 0; step < 30; step++, _web.Now += Hour)
            told |= _web.Exec($"/opt/{BaselinePropertyTests.Letters(step)}/tool", "tool").Kind == VerdictKind.Anomalous;
        Assert.True(told);
        _web.Baseline.Advance(_web.Now);
        Assert.Equal(LearningState.Operational, _web.Baseline.StateOf(BehaviourClass.Exec, _web.Now));
    }

    [Fact]
    public void A_policy_that_only_has_a_new_version_repeats_no_alert()
    {
        Learn(10);
        _web.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Anomalous, _web.Exec("/usr/bin/id", "id").Kind);
        _web.Baseline.Apply(new Model { Policy = new Policy { Version = 2, Mode = LearningMode.LockedByHand, LockedUnixNs = _web.Now, Roles = { new Role { Name = "role-a" } } } });
        Assert.Equal(VerdictKind.Pending, _web.Exec("/usr/bin/id", "id").Kind);
        _web.Baseline.Apply(new Model
        {
            Policy = new Policy
            {
                Version = 3, Mode = LearningMode.LockedByHand, LockedUnixNs = _web.Now,
                Overrides = { new Override { Kind = OverrideKind.Deny, Scope = OverrideScope.Class, Class = BehaviourClass.Exec, Actor = "*", Object = "/usr/bin/id*" } },
            },
        });
        Assert.Equal("denied", _web.Exec("/usr/bin/id", "id").Anomaly?.Rule);
    }
}
