using CsCheck;
using MathNet.Numerics.Distributions;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>What e promises: a lock never raises it, and alerts at alpha come alpha times a container-day over all classes.</summary>
public sealed class AlertBudgetTests
{
    static readonly LearningState[] Open = [LearningState.Learning, LearningState.Operational, LearningState.Frozen, LearningState.Drift];

    /// <summary>Any statistics: complete units, and behaviours of any incidence and mark in them.</summary>
    static readonly Gen<(ClassStatistics Statistics, bool Runs)> SomeStatistics =
        from units in Gen.Int[0, 900]
        from runs in Gen.Bool
        from behaviours in Gen.Select(Gen.Int[1, 8], Gen.Int[0, 20], Gen.Int[0, 5], Gen.Int[0, 900], Gen.Bool).Array[0, 300]
        select (Make(units, runs, behaviours), runs);

    static ClassStatistics Make(int units, bool runs, (int Class, int Incidence, int Mark, int First, bool Quarantined)[] behaviours)
    {
        var complete = new ClassUnits();
        for (var c = 1; c < ContainerUnits.ClassCount; c++)
            for (var i = 0; i < units; i++)
                complete.Add((BehaviourClass)c, KeyHash.Mix((ulong)i, 1), Start + (i * Hour), runs);
        var made = behaviours.Select((b, i) =>
        {
            var marks = Marks.Of((BehaviourClass)b.Class).Marks;
            LevelKeys levels = default;
            for (var level = 0; level < LevelKeys.Count; level++)
                levels[level] = KeyHash.Mix((ulong)(i >> level), (ulong)level);
            var behaviour = new Behaviour((BehaviourClass)b.Class, levels[0], "a", [])
            {
                Mark = b.Mark % marks.Length, Levels = levels, Learned = !b.Quarantined, Quarantined = b.Quarantined,
            };
            for (var unit = 0; unit < b.Incidence; unit++)
                behaviour.Touch(new ContainerUnit(KeyHash.Mix((ulong)((b.First + unit) % Math.Max(1, units)), 1), 1, false, 0), Start + ((b.First + unit) * Hour));
            return behaviour;
        }).ToList();
        var statistics = new ClassStatistics();
        statistics.Compute(made, complete);
        return statistics;
    }

    [Fact]
    public void A_lock_never_raises_e_at_any_class_mark_level_and_hour() => Gen.Select(SomeStatistics, Gen.Int[0, 167]).Sample((some, hour) =>
    {
        foreach (var marks in Marks.All)
            for (var mark = 0; mark < marks.Marks.Length; mark++)
                for (var level = 0; level < LevelKeys.Count; level++)
                    foreach (var open in Open)
                        foreach (var locked in (LearningState[])[LearningState.LockedByTime, LearningState.LockedByHand])
                        {
                            var moment = new Moment(hour, some.Runs, false);
                            var before = NoveltyScore.Of(some.Statistics, marks.Class, mark, level, open, moment).Expected;
                            var after = NoveltyScore.Of(some.Statistics, marks.Class, mark, level, locked, moment).Expected;
                            Assert.True(after <= before, $"{marks.Name} {mark} level {level}: {open} {before}, {locked} {after}");
                            Assert.True(NoveltyScore.OfContext(some.Statistics, marks.Class, mark, (hour, 1000), locked).Expected
                                <= NoveltyScore.OfContext(some.Statistics, marks.Class, mark, (hour, 1000), open).Expected);
                        }
    }, iter: 150);

    [Fact]
    public void Classes_share_one_alpha_whatever_was_counted_of_marks() => Gen.Select(SomeStatistics, Gen.Double[-4, 1]).Sample((some, exponent) =>
    {
        var alpha = Math.Pow(10, exponent);
        Assert.True(Marks.All.Sum(marks => marks.Weight) <= 1 + 1e-9);
        foreach (var state in Open)
        {
            var sum = 0.0;
            foreach (var marks in Marks.All)
            {
                var rate = NoveltyScore.Of(some.Statistics, marks.Class, 0, 0, state, new Moment(0, some.Runs, true)).Rate;
                var alerting = 0.0;
                for (var mark = 0; mark < marks.Marks.Length; mark++)
                    if (NoveltyScore.Of(some.Statistics, marks.Class, mark, 0, state, new Moment(0, some.Runs, true)).Expected <= alpha)
                        alerting += NoveltyScore.BenignShare(marks, some.Statistics.MarkCounts(marks.Class), mark);
                Assert.True(rate * alerting <= (alpha * marks.Weight) + 1e-12, $"{marks.Name}: {rate * alerting} of {alpha * marks.Weight}");
                sum += rate * alerting;
            }
            Assert.True(sum <= alpha + 1e-9);
        }
    }, iter: 300);

    /// <summary>
    /// Workloads whose benign novelties have rates and marks of their own, which the model only knows by what it saw while it
    /// learned: alerts a container-day, exactly, and averaged over workloads. The true shares of marks vary about the prior as
    /// its weight says (Dirichlet, K = 20), or have nothing to do with it and are learned from some hundred novelties.
    /// </summary>
    [Theory]
    [InlineData(1, 20, true)]
    [InlineData(1, 200, true)]
    [InlineData(0.1, 20, true)]
    [InlineData(0.1, 200, true)]
    [InlineData(0.01, 60, true)]
    [InlineData(0.1, 600, false)]
    [InlineData(0.01, 600, false)]
    public void Benign_novelties_alert_no_oftener_than_alpha(double alpha, int days, bool byPrior)
    {
        const int workloads = 200;
        var dice = new Random(days);
        var sum = 0.0;
        for (var i = 0; i < workloads; i++)
            sum += AlertsPerDay(dice, alpha, days, byPrior);
        Assert.True(sum > 0, "nothing alerts: this shows nothing");
        Assert.True(sum / workloads <= alpha, $"{sum / workloads} alerts a container-day at alpha {alpha}");
    }

    static double AlertsPerDay(Random dice, double alpha, int days, bool byPrior)
    {
        var complete = new ClassUnits();
        var seen = new List<Behaviour>();
        var truth = new List<(ClassMarks Class, double PerDay, double[] Shares)>();
        foreach (var marks in Marks.All)
        {
            for (var unit = 0; unit < days * 24; unit++)
                complete.Add(marks.Class, UnitHash.OfHourOrRun(KeyHash.Mix((ulong)unit, 1)), Start + (unit * Hour), run: false);
            var perDay = Math.Pow(10, (2 * dice.NextDouble()) - 2); // 0.01 to 1
            var shares = Dirichlet.Sample(dice, [.. marks.Marks.Select(mark => byPrior ? 20 * mark.Benign : 1)]);
            truth.Add((marks, perDay, shares));
            var novelties = Poisson.Sample(dice, perDay * days);
            for (var i = 0; i < novelties; i++)
                seen.Add(Once(marks.Class, Categorical.Sample(dice, shares), (ulong)seen.Count, dice.Next(days * 24)));
        }
        var statistics = new ClassStatistics();
        statistics.Compute(seen, complete);
        return truth.Sum(of => of.PerDay * of.Shares.Where((_, mark) => NoveltyScore.Of(statistics, of.Class.Class, mark, 0, LearningState.Frozen,
            new Moment(0, false, true)).Expected <= alpha).Sum());
    }

    static Behaviour Once(BehaviourClass behaviourClass, int mark, ulong id, int unit)
    {
        LevelKeys levels = default; // new by its name, in groups that are known
        levels[0] = KeyHash.Mix(id, 1);
        var behaviour = new Behaviour(behaviourClass, levels[0], "a", []) { Mark = mark, Levels = levels, Learned = true };
        behaviour.Touch(new ContainerUnit(UnitHash.OfHourOrRun(KeyHash.Mix((ulong)unit, 1)), 1, false, 0), Start + (unit * Hour) + 1);
        return behaviour;
    }
}
