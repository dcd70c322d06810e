using CsCheck;
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

    /// <summary>A frozen model, and benign novelties of its own rates and marks for 20,000 container-days.</summary>
    [Fact]
    public void Benign_novelties_alert_no_oftener_than_alpha() => Gen.Select(SomeStatistics, Gen.Int).Sample((some, seed) =>
    {
        const double alpha = 0.5;
        const int days = 20_000;
        var dice = new Random(seed);
        var alerts = 0;
        foreach (var marks in Marks.All)
        {
            var counts = some.Statistics.MarkCounts(marks.Class).ToArray();
            var rate = NoveltyScore.Of(some.Statistics, marks.Class, 0, 0, LearningState.Frozen, new Moment(0, some.Runs, true)).Rate;
            var scores = Enumerable.Range(0, marks.Marks.Length).Select(mark =>
                NoveltyScore.Of(some.Statistics, marks.Class, mark, 0, LearningState.Frozen, new Moment(0, some.Runs, true)).Expected).ToArray();
            // Rates above 2 a day only where a few marks could alert at all: the mean, without drawing each.
            var novelties = (int)Math.Min(rate * days, 40_000);
            var weight = rate * days / Math.Max(1, novelties);
            for (var i = 0; i < novelties; i++)
            {
                var (point, mark) = (dice.NextDouble(), 0);
                while (mark < marks.Marks.Length - 1 && (point -= NoveltyScore.BenignShare(marks, counts, mark)) > 0)
                    mark++;
                if (scores[mark] <= alpha)
                    alerts += (int)Math.Round(weight);
            }
        }
        Assert.True(alerts <= (alpha * days) + (5 * Math.Sqrt(alpha * days * 30)), $"{alerts} alerts in {days} container-days at alpha {alpha}");
    }, iter: 20);
}
