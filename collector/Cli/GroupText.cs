using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>What an alert says of a whole workload: a fleet that began something, a class that drifts.</summary>
static class GroupText
{
    /// <summary>"3 of 4 live replicas of shop/web began nginx -> /bin/sh since version 1.26": of an incident, what it did.</summary>
    public static string Headline(Alert alert)
    {
        var worst = alert.Worst ?? new Anomaly();
        return alert.Kind == AlertKind.Fleet
            ? $"{Who(alert.Fleet ?? new Fleet())} of {Words.Workload(worst.Container?.Workload)} began {What(worst)}{Since(alert.Fleet)}"
            : AlertText.Headline(worst);
    }

    /// <summary>As label and text, below the alert itself; only what there is to say.</summary>
    public static IEnumerable<(string Label, string Text)> Lines(Alert alert)
    {
        if (alert.Kind == AlertKind.Fleet)
        {
            var fleet = alert.Fleet ?? new Fleet();
            yield return ("fleet", $"seen in {fleet.Containers} containers, of which {fleet.LiveWith} run now; {fleet.Live} replicas run in all");
            if (fleet.Folded > 0)
            {
                yield return ("folds", $"{fleet.Folded} incidents that consist of it alone: rgctl alerts list --folded-into {SafeText.Of(alert.Id)}");
            }
        }

        if (alert.FoldedInto.Length > 0)
        {
            yield return ("folded", $"into an alert of the workload, as other replicas do the same: rgctl alerts show {SafeText.Of(alert.FoldedInto)}");
        }

        if (alert.Reason.Length > 0)
        {
            yield return ("because", SafeText.Of(alert.Reason, 2000));
        }
    }

    static string Who(Fleet fleet) => fleet switch
    {
        { LiveWith: > 0 } => $"{fleet.LiveWith} of {fleet.Live} live replicas",
        { Live: > 0 } => $"{fleet.Containers} replicas, none of the {fleet.Live} that live now,",
        _ => $"{fleet.Containers} replicas",
    };

    static string What(Anomaly anomaly) => anomaly.Behaviour.Length > 0 ? SafeText.Of(anomaly.Behaviour, 400) : AlertText.Headline(anomaly);

    static string Since(Fleet? fleet) => fleet is { Version.Length: > 0 } ? $" since version {SafeText.Of(fleet.Version, 160)}" : "";
}
