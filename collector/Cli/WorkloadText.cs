using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>A workload and its learning, for people.</summary>
static class WorkloadText
{
    /// <summary>Of the workload, and of the classes a person decided otherwise of.</summary>
    public static string Mode(Policy? policy)
    {
        var own = (policy?.Classes ?? []).Where(entry => entry.Mode != LearningMode.Unspecified)
            .Select(entry => $"{Words.Of(entry.Class)} {Name(entry.Mode)}");
        return string.Join(", ", own.Prepend(Name(policy?.Mode ?? LearningMode.Unspecified)));
    }

    static string Name(LearningMode mode) => mode switch
    {
        LearningMode.Learning => "learning",
        LearningMode.LockedByTime => "locked by time",
        LearningMode.LockedByHand => "locked by hand",
        LearningMode.Frozen => "frozen",
        _ => "unknown",
    };

    /// <summary>"new in version 1.26: 4, quarantined: 2": what waits for a person; a dash when nothing does.</summary>
    public static string Review(WorkloadSummary workload)
    {
        var waiting = workload.Watched.Where(version => version.NewBehaviours > 0)
            .Select(version => $"new in version {ShortVersion(version.Version)}: {version.NewBehaviours}").ToList();
        if (workload.Quarantined > 0)
        {
            waiting.Add($"quarantined: {workload.Quarantined}");
        }

        return waiting.Count > 0 ? string.Join(", ", waiting) : "-";
    }

    /// <summary>The tag; the beginning of the digest where there is none.</summary>
    static string ShortVersion(string version) => version.Split('@') switch
    {
        ["", var digest] => SafeText.Of(digest, 19),
        [var tag, ..] => SafeText.Of(tag, 80),
        _ => "",
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
            LearningMode.Learning => $"{name} learns, each class until its evidence suffices; it knows {workload.Behaviours} behaviours",
            LearningMode.LockedByHand => $"{name} is locked by hand with {workload.Behaviours} behaviours; everything new of "
                + $"{(policy.StrictClasses.Count == 0 ? "its strict classes" : string.Join(", ", policy.StrictClasses.Select(Words.Of)))} alerts",
            LearningMode.Frozen => $"{name} is frozen with {workload.Behaviours} behaviours; nothing new is learned, and it is judged by its score",
            LearningMode.LockedByTime => $"{name} is locked by time with {workload.Behaviours} behaviours; new behaviour is judged by its score",
            _ => $"{name} is in no mode known to this rgctl",
        };
    }

    public static void Show(Terminal terminal, WorkloadDetail detail)
    {
        var summary = detail.Summary ?? new WorkloadSummary();
        var policy = summary.Policy ?? new Policy();
        var name = Words.Workload(summary.Workload);
        terminal.Out.WriteLine(Sentence(summary));
        terminal.Out.WriteLine($"  first seen {Moment.Show(summary.FirstSeenUnixNs)}, last seen {Moment.Show(summary.LastSeenUnixNs)}, open alerts {summary.OpenAlerts}");
        if (summary.EvidenceUnreadable)
        {
            terminal.Out.WriteLine("  the evidence stored of it cannot be read and is taken for none: restart the agents that run it, or restore a backup");
        }

        if (policy.ChangedBy.Length > 0)
        {
            var reason = policy.Reason.Length > 0 ? $": {SafeText.Of(policy.Reason, 300)}" : "";
            terminal.Out.WriteLine($"  mode set by {SafeText.Of(policy.ChangedBy)}{reason}");
        }

        foreach (var line in Versions(summary))
        {
            terminal.Out.WriteLine($"  {line}");
        }

        if (policy.Overrides.Count > 0)
        {
            var denied = policy.Overrides.Count(one => one.Kind == OverrideKind.Deny);
            terminal.Out.WriteLine($"  allowed: {policy.Overrides.Count - denied}, denied: {denied}; see rgctl baseline overrides {name}");
        }

        if (Review(summary) is { Length: > 1 } review)
        {
            terminal.Out.WriteLine($"  to review: {review}; see rgctl baseline show {name} --new-in VERSION or --quarantined");
        }

        if (summary.Classes.Count > 0)
        {
            terminal.Out.WriteLine();
            foreach (var progress in summary.Classes)
            {
                terminal.Out.WriteLine($"  {ClassText.Sentence(progress)}");
            }
        }

        ShowSection(terminal, Classes(summary));
        ShowSection(terminal, Containers(detail));
        ShowSection(terminal, Audit(detail));
    }

    /// <summary>Those with evidence, oldest first, then those that heartbeats alone named.</summary>
    static IEnumerable<string> Versions(WorkloadSummary summary)
    {
        foreach (var version in summary.Watched)
        {
            var fresh = version.NewBehaviours > 0 ? $"; new in {ShortVersion(version.Version)}: {version.NewBehaviours}" : "";
            yield return $"version {SafeText.Of(version.Version)}: watched for {Words.Number(version.Units)} container-hours "
                + $"since {Moment.Show(version.FirstSeenUnixNs)}{fresh}";
        }

        foreach (var version in summary.Versions.Where(named => !summary.Watched.Any(version =>
            version.Version == named || $"{version.Version}@" == named)))
        {
            yield return $"version {SafeText.Of(version)}";
        }
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
