using RuntimeGuard.Agent;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Agent;

public sealed class ModelClockTests
{
    const long Origin = 1_000_000;

    static Model Model() => new()
    {
        Policy = new Policy
        {
            LearningSinceUnixNs = Origin + 10,
            LockedUnixNs = Origin + 20,
            Classes = { new ClassPolicy { Class = BehaviourClass.Exec, DriftSinceUnixNs = Origin + 30, LockedUnixNs = Origin + 40 } },
            Overrides =
            {
                new Override { CreatedUnixNs = Origin + 50, ExpiresUnixNs = Origin + 60 },
                new Override { CreatedUnixNs = Origin + 50 },
            },
        },
    };

    [Fact]
    public void Every_time_of_a_policy_is_mapped_to_the_models_clock_and_never_stays_never()
    {
        var given = Model();

        var policy = new ModelClock(1200, Origin).FromUnix(given).Policy;

        Assert.Equal((Origin + (10 * 1200), 0, Origin + (20 * 1200)), (policy.LearningSinceUnixNs, policy.LearningUntilUnixNs, policy.LockedUnixNs));
        Assert.Equal((Origin + (30 * 1200), Origin + (40 * 1200)), (policy.Classes[0].DriftSinceUnixNs, policy.Classes[0].LockedUnixNs));
        Assert.Equal((Origin + (50 * 1200), Origin + (60 * 1200)), (policy.Overrides[0].CreatedUnixNs, policy.Overrides[0].ExpiresUnixNs));
        Assert.Equal(0, policy.Overrides[1].ExpiresUnixNs);
        Assert.Equal(Model(), given);
    }

    [Fact]
    public void A_clock_that_is_the_wall_clock_changes_nothing()
    {
        var given = Model();
        Assert.Same(given, ModelClock.Unscaled.FromUnix(given));
    }
}
