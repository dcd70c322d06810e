using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>An E-value and what it is made of.</summary>
/// <param name="Expected">Benign occurrences per container-day of something at least this attack-like.</param>
/// <param name="Rate">R_c: novel behaviours of the class per container-day now.</param>
/// <param name="Level">Highest generalisation level at which it is new.</param>
readonly record struct NoveltyScore(double Expected, double Rate, int Level, double Benign, double Attack)
{
    /// <summary>Without a complete unit nothing bounds the rate; shown and sent as this.</summary>
    public const double Unbounded = 1e6;

    const int Levels = LevelKeys.Count;
    const int ZoneLevel = 2;

    /// <summary>What a lock asserts of the rate at each level: a novelty of a whole zone is rarer than one more name.</summary>
    static ReadOnlySpan<double> LockedShare => [1, 0.5, 0.2, 0.05];

    public static NoveltyScore Of(ClassStatistics statistics, BehaviourClass c, int mark, int level, LearningState state, Moment moment)
    {
        var marks = Marks.Of(c);
        // What cannot be learned has no bound on names: only kinds and zones count.
        var lowest = state == LearningState.Unbounded ? ZoneLevel : 0;
        var rate = RateOf(statistics, marks, lowest, state);
        if (level > lowest)
            rate = Math.Min(rate, Levels * RateOf(statistics, marks, level, state)); // the price of choosing the level
        if (!LearningStates.IsLocked(state) && !moment.NoCalendar)
            rate = Math.Max(rate, statistics.RateOfUnwatchedHour(c, moment.Runs, moment.Hour));
        return Of(statistics, marks, mark, level, rate, 1);
    }

    /// <summary>
    /// Known, but new in its context: the rate is that of known behaviours coming new into it, and the tail is multiplied by the
    /// share that is known at all, for backing off costs its own novelty rate.
    /// </summary>
    /// <param name="lately">How often known behaviours of the class came new into such a context, in so many units.</param>
    public static NoveltyScore OfContext(ClassStatistics statistics, BehaviourClass c, int mark, (double Seen, double Units) lately,
        LearningState state)
    {
        var marks = Marks.Of(c);
        var units = Math.Max(statistics.Units(c), 1);
        var rate = (lately.Seen + 0.5) / Math.Max(lately.Units, 1) * statistics.UnitsPerDay(c);
        if (LearningStates.IsLocked(state))
            rate = Math.Min(rate, marks.Beta);
        var known = 1 - Math.Min(1, (statistics.Counts(c).N1 + 0.5) / units);
        return Of(statistics, marks, mark, 0, rate, Math.Max(known, 1 / units));
    }

    static NoveltyScore Of(ClassStatistics statistics, ClassMarks marks, int mark, int level, double rate, double share)
    {
        rate = Math.Min(rate, Unbounded);
        var counts = statistics.MarkCounts(marks.Class);
        return new NoveltyScore(rate * share * Tail(marks, counts, mark) / marks.Weight, rate, level,
            BenignShare(marks, counts, mark), marks.Marks[mark].Attack);
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
        LearningState.Learning or LearningState.Drift =>
            statistics.UpperBound(marks.Class, level) * statistics.UnitsPerDay(marks.Class),
        LearningState.LockedByHand or LearningState.LockedByTime =>
            Math.Min(statistics.Rate(marks.Class, level), marks.Beta * LockedShare[level]),
        _ => statistics.Rate(marks.Class, level),
    };
}

/// <summary>When something is judged: the hour of the week, and whether the workload has a calendar at all.</summary>
readonly record struct Moment(int Hour, bool Runs, bool NoCalendar)
{
    public static Moment Of(long timeNs, bool runs, bool noCalendar) => new(Calendar.HourOf(timeNs), runs, noCalendar);
}
