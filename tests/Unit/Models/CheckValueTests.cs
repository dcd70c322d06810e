using MathNet.Numerics.Distributions;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>The worked numbers of the specification, to the digits it prints.</summary>
public sealed class CheckValueTests
{
    [Fact]
    public void Upper_bound_of_novelty_bearing_units()
    {
        Assert.Equal(0.02759276152253014, Beta.InvCDF(16, 818, .95), 12);
        Assert.Equal(0.029513049607157532, Beta.InvCDF(1, 100, .95), 12);
        Assert.Equal(0.0290816, ClassStatistics.UpperBound(15, 10, 833), 7);
        Assert.Equal(0.0295130, ClassStatistics.UpperBound(0, 0, 100), 7);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 0)]
    public void Without_units_the_bound_is_infinite(int n1, int n2) =>
        Assert.Equal(double.PositiveInfinity, ClassStatistics.UpperBound(n1, n2, 0));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 2)]
    public void A_novelty_in_every_unit_does_not_throw(int n1, double units) =>
        Assert.True(ClassStatistics.UpperBound(n1, 0, units) >= 1);

    [Fact]
    public void Upper_bound_of_new_behaviours_and_richness()
    {
        Assert.Equal(7.753656527932729, ChiSquared.InvCDF(8, .95) / 2, 12);
        Assert.Equal(2.9957322735539904, ChiSquared.InvCDF(2, .95) / 2, 12);
        Assert.Equal(0.8352, 24 * ClassStatistics.UpperBoundOfBehaviours(3, 2, 240), 4);
        Assert.Equal(42.2406, ClassStatistics.Richness(40, 3, 2, 240), 4);
    }

    [Fact]
    public void Benign_shares_and_scores_of_one_class()
    {
        var marks = new ClassMarks(BehaviourClass.Exec, "exec", 1, .2, true,
        [
            new Mark("a", .70, .10, "", false), new Mark("b", .15, .20, "", false), new Mark("c", .10, .25, "", false),
            new Mark("d", .03, .20, "", false), new Mark("e", .02, .25, "", false),
        ]);
        int[] counts = [2, 1, 0, 0, 0];
        double[] shares = [.6957, .1739, .0870, .0261, .0174];
        double[] ratios = [-2.798, .2016, 1.5236, 2.9386, 3.8455];
        double[] scores = [.35, .10652, .04565, .01522, .00609];
        for (var m = 0; m < 5; m++)
        {
            var share = NoveltyScore.BenignShare(marks, counts, m);
            Assert.Equal(shares[m], share, 4);
            Assert.Equal(ratios[m], Math.Log2(marks.Marks[m].Attack / share), 5e-4);
            Assert.Equal(scores[m], .35 * NoveltyScore.Tail(marks, counts, m), 5);
        }
    }

    [Fact]
    public void A_lock_bounds_the_rate_by_level()
    {
        // Locked net-out, beta .3: new at level 3 min(.3, 4 x .015) = .06; only at level 0 .3.
        var empty = new ClassStatistics();
        empty.Compute([], new ClassUnits());
        Assert.Equal(.06, NoveltyScore.Of(empty, BehaviourClass.NetOut, 2, 3, LearningState.LockedByTime, default).Rate, 12);
        Assert.Equal(.3, NoveltyScore.Of(empty, BehaviourClass.NetOut, 2, 0, LearningState.LockedByHand, default).Rate, 12);
    }

    [Fact]
    public void Locking_never_raises_a_score()
    {
        var statistics = new ClassStatistics();
        var units = new ClassUnits();
        statistics.Compute([], units);
        for (var hour = 0ul; hour < 2000; hour += 7)
        {
            foreach (var marks in Marks.All)
                for (var mark = 0; mark < marks.Marks.Length; mark++)
                    for (var level = 0; level < 4; level++)
                    {
                        var learning = NoveltyScore.Of(statistics, marks.Class, mark, level, LearningState.Learning, default).Expected;
                        Assert.True(NoveltyScore.Of(statistics, marks.Class, mark, level, LearningState.LockedByHand, default).Expected <= learning);
                        Assert.True(NoveltyScore.Of(statistics, marks.Class, mark, level, LearningState.LockedByTime, default).Expected <= learning);
                    }
            for (var i = 0ul; i < 7; i++)
                units.Add(BehaviourClass.Exec, KeyHash.Mix(hour + i, 1), 1, false);
            statistics.Compute([], units);
        }
    }

    [Fact]
    public void Shares_weights_and_priors_of_the_data_file_sum_to_one()
    {
        Assert.Equal(1, Marks.All.Sum(c => c.Weight), 12);
        foreach (var c in Marks.All)
        {
            Assert.Equal(1, c.Marks.Sum(m => m.Benign), 12);
            Assert.Equal(1, c.Marks.Sum(m => m.Attack), 12);
        }
        Assert.Equal(64, Marks.DataHash.Length);
    }

    [Theory]
    [InlineData(3, 1, false)] // a:5 b:4 c:1
    [InlineData(8, 5, true)]
    [InlineData(8, 3, false)]
    [InlineData(64, 0, true)]
    public void Open_ended_groups_collapse(int children, int seenOnce, bool collapses) =>
        Assert.Equal(collapses, PatternTrie.IsOpenEnded(children, seenOnce));

    [Fact]
    public void Entropy_in_bits() => Assert.Equal(0.9219, CommandPattern.Entropy("aaaaaaaabc"u8), 4);

    [Fact]
    public void Sketches_are_exact_below_their_size_and_estimate_beyond()
    {
        var set = new UnitSet();
        for (var i = 0ul; i < 1023; i++)
            set.Add(KeyHash.Mix(i, 7));
        Assert.Equal(1023, set.Estimate);
        for (var i = 0ul; i < 20_000; i++)
            set.Add(KeyHash.Mix(i, 7));
        Assert.Equal(1024, set.Count);
        Assert.InRange(set.Estimate, 18_000, 22_000);
    }

    /// <summary>Of more units than are kept: an hour beyond them is taken as complete, a start-up never is.</summary>
    [Fact]
    public void A_start_up_is_no_complete_unit_however_many_there_are()
    {
        var set = new UnitSet();
        for (var i = 0ul; i < 4000; i++)
            set.Add(UnitHash.OfHourOrRun(KeyHash.Mix(i, 7)));
        for (var i = 4000ul; i < 4100; i++)
            Assert.False(set.Contains(UnitHash.OfStart(KeyHash.Mix(i, 7))));
        Assert.All(Enumerable.Range(0, 4000), i => Assert.True(set.Contains(UnitHash.OfHourOrRun(KeyHash.Mix((ulong)i, 7)))));
    }
}
