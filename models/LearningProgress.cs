using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>How far a workload has been learned, for screens; the same arithmetic that judges.</summary>
/// <param name="State">Learning while any class is, else what the first class is that people decided of.</param>
/// <param name="EvidenceFraction">Of the class that is furthest behind.</param>
public sealed record LearningProgress(LearningState State, IReadOnlyList<ClassProgress> Classes, double EvidenceFraction)
{
    /// <summary>Of merged or single evidence, as judged at a time on the model's clock.</summary>
    public static LearningProgress Of(Evidence evidence, Policy policy, long nowNs)
    {
        var (statistics, units) = Statistics(evidence);
        var classes = Marks.All.Select(marks => (State: StateOf(statistics, marks, policy, nowNs), Marks: marks)).ToList();
        var progress = classes.Select(c => Of(statistics, units, c.Marks, c.State)).ToList();
        var state = classes.Exists(c => c.State == LearningState.Learning)
            ? LearningState.Learning
            : classes.Select(c => c.State).FirstOrDefault(s => s != LearningState.Operational, LearningState.Operational);
        return new LearningProgress(state, progress, progress.Min(c => c.EvidenceFraction));
    }

    /// <summary>The statistics of evidence that was checked when it came.</summary>
    internal static (ClassStatistics Statistics, ClassUnits Units) Statistics(Evidence evidence)
    {
        var units = new ClassUnits();
        foreach (var c in evidence.Classes)
            if (EvidenceMerge.IsClass(c.Class))
                units.Merge(c, changed: false);
        var statistics = new ClassStatistics();
        statistics.Compute(Vocabulary.Of(evidence).Values, units);
        return (statistics, units);
    }

    internal static double FractionOf(ClassStatistics statistics, ClassMarks marks) => Math.Min(1,
        marks.Beta / (statistics.UpperBound(marks.Class) * Math.Max(statistics.UnitsPerDay(marks.Class), double.Epsilon)));

    static LearningState StateOf(ClassStatistics statistics, ClassMarks marks, Policy policy, long nowNs) =>
        LearningStates.Decided(policy, marks.Class, nowNs)
            ?? (statistics.UpperBound(marks.Class) * statistics.UnitsPerDay(marks.Class) <= marks.Beta
                ? LearningState.Operational : LearningState.Learning);

    static ClassProgress Of(ClassStatistics statistics, ClassUnits units, ClassMarks marks, LearningState state)
    {
        var counts = statistics.Counts(marks.Class);
        var seen = statistics.Units(marks.Class);
        var perDay = statistics.UnitsPerDay(marks.Class);
        return new ClassProgress
        {
            Class = marks.Class,
            State = LearningStates.NameOf(state),
            Behaviours = counts.Behaviours,
            Units = seen,
            SeenOnce = counts.Q1,
            NewPerDay = seen > 0 ? counts.Q1 / seen * perDay : 0,
            NewPerDayUpper = seen > 0 ? statistics.UpperBound(marks.Class) * perDay : NoveltyScore.Unbounded,
            TargetPerDay = marks.Beta,
            Quarantined = statistics.Quarantined(marks.Class),
            EvidenceFraction = FractionOf(statistics, marks),
            UnitsMissing = UnitsMissing(statistics, marks, perDay),
            CalendarComplete = statistics.IsCalendarComplete(marks.Class, units.AreRuns(marks.Class)),
            DaysSeen = units.CalendarOf(marks.Class).DaysSeen,
            HoursOfWeekSeen = units.CalendarOf(marks.Class).HoursSeen,
        };
    }

    /// <summary>
    /// Units still to come until the bound is met if they bring nothing new: (N1 + 1 + 1.645 sqrt(N1 + N2)) per beta, or
    /// Clopper–Pearson's 3.0 when nothing was seen once.
    /// </summary>
    static double UnitsMissing(ClassStatistics statistics, ClassMarks marks, double perDay)
    {
        var units = Math.Max(statistics.Units(marks.Class), 1);
        var bound = statistics.UpperBound(marks.Class);
        if (double.IsInfinity(bound))
            bound = ClassStatistics.UpperBound(0, 0, 1);
        var (low, high) = (units, units);
        var counts = statistics.Counts(marks.Class);
        while (ClassStatistics.UpperBound(counts.N1, counts.N2, high) * perDay > marks.Beta && high < 1e7)
            high *= 2;
        for (var i = 0; i < 40 && high - low > 0.5; i++)
        {
            var middle = (low + high) / 2;
            if (ClassStatistics.UpperBound(counts.N1, counts.N2, middle) * perDay > marks.Beta)
                low = middle;
            else
                high = middle;
        }
        return bound * perDay <= marks.Beta ? 0 : high - statistics.Units(marks.Class);
    }
}
