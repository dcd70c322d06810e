using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>How far one class is learned, in a sentence for people.</summary>
static class ClassText
{
    const int HoursOfWeek = 168;

    /// <summary>"exec: operational, 0.08 new behaviours per container-day (95 % ≤ 0.19)".</summary>
    public static string Sentence(ClassProgress progress) =>
        $"{Words.Of(progress.Class)}: {State(progress)}{Calendar(progress)}{Quarantined(progress)}";

    static string State(ClassProgress progress) => progress.State switch
    {
        "learning" when progress.UnitsMissing > 0 => $"learning, needs about {Missing(progress)} if nothing new comes",
        "learning" => $"learning, {Rate(progress)}",
        "operational" => $"operational, {Rate(progress)}",
        "locked by hand" => $"locked by hand at {Evidence(progress)}",
        "locked by time" => $"locked by time at {Evidence(progress)}, {Rate(progress)}",
        "frozen" => $"frozen at {Evidence(progress)}: learns nothing, and what is new is judged by its score",
        "drift" => "drift: it changed after it was learned; it is open again, and what is new is held back",
        "unbounded" => "cannot be learned, scored by zone",
        var other => SafeText.Of(other, 80),
    };

    static string Missing(ClassProgress progress)
    {
        var units = Math.Ceiling(progress.UnitsMissing);
        var one = progress.Runs ? "run" : "container-hour";
        return units <= 1 ? $"one more {one}" : $"{Words.Number(units)} more {one}s";
    }

    /// <summary>Of a job, units are runs, counted by the day.</summary>
    static string Rate(ClassProgress progress) => progress.Units > 0
        ? $"{Words.Number(progress.NewPerDay)} new behaviours per {(progress.Runs ? "day of its runs" : "container-day")} (95 % ≤ {Words.Number(progress.NewPerDayUpper)})"
        : $"no whole {(progress.Runs ? "run" : "container-hour")} watched yet";

    static string Evidence(ClassProgress progress) => $"{Math.Floor(Math.Clamp(progress.EvidenceFraction, 0, 1) * 100):0} % of the evidence";

    /// <summary>Only while it still matters: what is daily or weekly has not had its turn.</summary>
    static string Calendar(ClassProgress progress) => progress is { CalendarComplete: false, Units: > 0, State: "learning" or "operational" }
        ? $"; what is daily or weekly may be missing ({progress.DaysSeen} days, {progress.HoursOfWeekSeen} of {HoursOfWeek} hours of the week seen)"
        : "";

    static string Quarantined(ClassProgress progress) => progress.Quarantined > 0 ? $"; quarantined: {progress.Quarantined}" : "";
}
