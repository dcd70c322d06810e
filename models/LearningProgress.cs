using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>How far a workload has been learned, for screens; the same arithmetic that judges.</summary>
/// <param name="EvidenceFraction">Of the class that is furthest behind.</param>
public sealed record LearningProgress(LearningState State, IReadOnlyList<ClassProgress> Classes, double EvidenceFraction)
{
    /// <summary>Of merged or single evidence, as judged at a time on the model's clock.</summary>
    public static LearningProgress Of(Evidence evidence, Policy policy, long nowNs)
    {
        var units = new ClassUnits();
        foreach (var c in evidence.Classes)
            if (EvidenceMerge.IsClass(c.Class))
                units.Merge(c, changed: false);
        var statistics = new ClassStatistics();
        statistics.Compute(evidence.Behaviours.Where(b => EvidenceMerge.IsClass(b.Class)).Select(Behaviour.From), units);
        var locked = LockOf(policy, nowNs);
        var classes = Marks.All.Select(marks => Of(statistics, marks, locked)).ToList();
        var state = locked ?? (classes.All(IsBounded) ? LearningState.Operational : LearningState.Learning);
        return new LearningProgress(state, classes, classes.Min(c => c.EvidenceFraction));
    }

    public static string NameOf(LearningState state) => state switch
    {
        LearningState.Operational => "operational",
        LearningState.LockedByTime => "locked by time",
        LearningState.LockedByHand => "locked by hand",
        _ => "learning",
    };

    internal static LearningState? LockOf(Policy policy, long nowNs) => policy.Mode switch
    {
        LearningMode.LockedByHand => LearningState.LockedByHand,
        LearningMode.LockedByTime => LearningState.LockedByTime,
        _ => policy.LearningUntilUnixNs > 0 && nowNs >= policy.LearningUntilUnixNs ? LearningState.LockedByTime : null,
    };

    internal static double FractionOf(ClassStatistics statistics, ClassMarks marks) => Math.Min(1,
        marks.Beta / (statistics.UpperBound(marks.Class) * Math.Max(statistics.UnitsPerDay(marks.Class), double.Epsilon)));

    static bool IsBounded(ClassProgress progress) => progress.NewPerDayUpper <= progress.TargetPerDay;

    static ClassProgress Of(ClassStatistics statistics, ClassMarks marks, LearningState? locked)
    {
        var counts = statistics.Counts(marks.Class);
        var units = statistics.Units(marks.Class);
        var perDay = statistics.UnitsPerDay(marks.Class);
        var progress = new ClassProgress
        {
            Class = marks.Class,
            Behaviours = counts.Behaviours,
            Units = units,
            SeenOnce = counts.Q1,
            NewPerDay = units > 0 ? counts.Q1 / units * perDay : 0,
            NewPerDayUpper = units > 0 ? statistics.UpperBound(marks.Class) * perDay : NoveltyScore.Unbounded,
            TargetPerDay = marks.Beta,
            Quarantined = statistics.Quarantined(marks.Class),
            EvidenceFraction = FractionOf(statistics, marks),
        };
        progress.State = NameOf(locked ?? (IsBounded(progress) ? LearningState.Operational : LearningState.Learning));
        return progress;
    }
}
