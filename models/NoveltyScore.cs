using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>What decides how a novelty is judged.</summary>
public enum LearningState
{
    Learning,
    /// <summary>Still learning, but every class is bounded below its beta: novelties are held back, not absorbed at once.</summary>
    Operational,
    LockedByTime,
    LockedByHand,
}

/// <summary>An E-value and what it is made of.</summary>
/// <param name="Expected">Benign occurrences per container-day of something at least this attack-like.</param>
/// <param name="Rate">R_c: novel behaviours of the class per container-day now.</param>
/// <param name="Level">Highest generalisation level at which it is new.</param>
readonly record struct NoveltyScore(double Expected, double Rate, int Level, double Benign, double Attack)
{
    /// <summary>Without a complete unit nothing bounds the rate; shown and sent as this.</summary>
    public const double Unbounded = 1e6;

    const int Levels = LevelKeys.Count;

    /// <summary>What a lock asserts of the rate at each level: a novelty of a whole zone is rarer than one more name.</summary>
    static ReadOnlySpan<double> LockedShare => [1, 0.5, 0.2, 0.05];

    public static NoveltyScore Of(ClassStatistics statistics, BehaviourClass c, int mark, int level, LearningState state)
    {
        var marks = Marks.Of(c);
        var rate = RateOf(statistics, marks, 0, state);
        if (level > 0)
            rate = Math.Min(rate, Levels * RateOf(statistics, marks, level, state)); // the price of choosing the level
        rate = Math.Min(rate, Unbounded);
        var tail = Tail(marks, statistics.MarkCounts(c), mark);
        var benign = BenignShare(marks, statistics.MarkCounts(c), mark);
        return new NoveltyScore(rate * tail / marks.Weight, rate, level, benign, marks.Marks[mark].Attack);
    }

    /// <summary>The same with q1 = q0: every novelty of the class is as attack-like as any other.</summary>
    public NoveltyScore WithoutMarks(ClassMarks marks) =>
        this with { Expected = Rate / marks.Weight, Benign = 1, Attack = 1 };

    /// <summary>Benign novelties of the class that are at least as attack-like: q0 over the marks with as high a q1/q0.</summary>
    public static double Tail(ClassMarks marks, ReadOnlySpan<int> counts, int mark)
    {
        var own = marks.Marks[mark].Attack / BenignShare(marks, counts, mark);
        var tail = 0.0;
        for (var m = 0; m < marks.Marks.Length; m++)
        {
            var share = BenignShare(marks, counts, m);
            if (m == mark || marks.Marks[m].Attack / share >= own)
                tail += share;
        }
        return tail;
    }

    /// <summary>q0(m) = (c_m + K p_m) / (c + K).</summary>
    public static double BenignShare(ClassMarks marks, ReadOnlySpan<int> counts, int mark)
    {
        var all = 0;
        foreach (var count in counts)
            all += count;
        return (counts[mark] + (Marks.Shrink * marks.Marks[mark].Benign)) / (all + Marks.Shrink);
    }

    static double RateOf(ClassStatistics statistics, ClassMarks marks, int level, LearningState state) => state switch
    {
        LearningState.Learning => statistics.UpperBound(marks.Class, level) * statistics.UnitsPerDay(marks.Class),
        LearningState.Operational => statistics.Rate(marks.Class, level),
        _ => Math.Min(statistics.Rate(marks.Class, level), marks.Beta * LockedShare[level]),
    };
}
