using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>A workload and its learning, for people.</summary>
static class WorkloadText
{
    public static string Mode(Policy? policy) => policy?.Mode switch
    {
        LearningMode.Learning => "learning",
        LearningMode.LockedByTime => "locked by time",
        LearningMode.LockedByHand => "locked by hand",
        _ => "unknown",
    };

    public static string Until(Policy? policy) =>
        policy is { Mode: LearningMode.Learning, LearningUntilUnixNs: > 0 } ? Moment.Show(policy.LearningUntilUnixNs) : "-";

    public static string Sentence(WorkloadSummary workload)
    {
        var policy = workload.Policy ?? new Policy();
        var name = Words.Workload(workload.Workload);
        return policy.Mode switch
        {
            LearningMode.Learning when policy.LearningUntilUnixNs > 0 => $"{name} learns until {Moment.Show(policy.LearningUntilUnixNs)}; it knows {workload.Behaviours} behaviours",
            LearningMode.Learning => $"{name} learns until it is locked; it knows {workload.Behaviours} behaviours",
            LearningMode.LockedByHand => $"{name} is locked by hand with {workload.Behaviours} behaviours; everything new of "
                + $"{(policy.StrictClasses.Count == 0 ? "its strict classes" : string.Join(", ", policy.StrictClasses.Select(Words.Of)))} alerts",
            LearningMode.LockedByTime => $"{name} is locked by time with {workload.Behaviours} behaviours; new behaviour is judged by its score",
            _ => $"{name} is in no mode known to this rgctl",
        };
    }

    public static void Show(Terminal terminal, WorkloadDetail detail)
    {
        var summary = detail.Summary ?? new WorkloadSummary();
        var policy = summary.Policy ?? new Policy();
        terminal.Out.WriteLine(Sentence(summary));
        terminal.Out.WriteLine($"  first seen {Moment.Show(summary.FirstSeenUnixNs)}, last seen {Moment.Show(summary.LastSeenUnixNs)}, open alerts {summary.OpenAlerts}");
        if (policy.ChangedBy.Length > 0)
        {
            var reason = policy.Reason.Length > 0 ? $": {SafeText.Of(policy.Reason, 300)}" : "";
            terminal.Out.WriteLine($"  mode set by {SafeText.Of(policy.ChangedBy)}{reason}");
        }

        foreach (var version in summary.Versions)
        {
            terminal.Out.WriteLine($"  version {SafeText.Of(version)}");
        }

        ShowSection(terminal, Classes(summary));
        ShowSection(terminal, Containers(detail));
        ShowSection(terminal, Audit(detail));
    }

    static void ShowSection(Terminal terminal, Sheet sheet)
    {
        if (sheet.Rows > 0)
        {
            terminal.Out.WriteLine();
            sheet.Show(terminal);
        }
    }

    static Sheet Classes(WorkloadSummary summary)
    {
        var sheet = new Sheet("CLASS", "STATE", "BEHAVIOURS", "QUARANTINED", "UNITS", "NEW PER DAY", "AT MOST (95 %)", "TARGET");
        foreach (var progress in summary.Classes)
        {
            sheet.Add(Words.Of(progress.Class), progress.State, $"{progress.Behaviours}", $"{progress.Quarantined}",
                Words.Number(progress.Units), Words.Number(progress.NewPerDay), Words.Number(progress.NewPerDayUpper),
                Words.Number(progress.TargetPerDay));
        }

        return sheet;
    }

    static Sheet Containers(WorkloadDetail detail)
    {
        var sheet = new Sheet("CONTAINER", "NAME", "POD", "TAG", "STARTED");
        foreach (var container in detail.Containers)
        {
            sheet.Add(Words.ContainerId(container.Id), container.Name, container.Pod, container.Tag, Moment.Show(container.StartedUnixNs));
        }

        return sheet;
    }

    static Sheet Audit(WorkloadDetail detail)
    {
        var sheet = new Sheet("TIME", "WHO", "DID", "DETAIL");
        foreach (var entry in detail.Audit)
        {
            sheet.Add(Moment.Show(entry.TimeUnixNs), entry.User, entry.Action, entry.Detail);
        }

        return sheet;
    }
}
