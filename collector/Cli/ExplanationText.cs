using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>What else the model said of an anomaly: when it is known otherwise, in which version and role, and what added up.</summary>
static class ExplanationText
{
    const int ContributionsShown = 20;

    /// <summary>As label and text; only what there is to say.</summary>
    public static IEnumerable<(string Label, string Text)> Lines(Anomaly anomaly)
    {
        var explanation = anomaly.Explanation ?? new Explanation();
        if (explanation.Context.Length > 0)
        {
            yield return ("context", Context(explanation.Context));
        }

        if (explanation.Version.Length > 0)
        {
            yield return ("version", $"new in version {SafeText.Of(explanation.Version, 160)}: yes");
        }
        else if (anomaly.Container?.Tag.Length > 0)
        {
            yield return ("version", $"new in version {SafeText.Of(anomaly.Container.Tag, 80)}: no");
        }

        if (explanation.Role.Length > 0)
        {
            yield return ("role", SafeText.Of(explanation.Role, 80));
        }

        foreach (var line in Contributions(explanation))
        {
            yield return line;
        }
    }

    public static string Context(string context) => context switch
    {
        "hour" => "known, but never at this hour of the week",
        "phase" => "known, but never in this phase: start-up, or after it",
        "role" => "known, but never in this role of the workload",
        _ => $"known, but not in this {SafeText.Of(context, 40)}",
    };

    /// <summary>An incident that added up: each step with its bits, and the bound that their sum crossed.</summary>
    static IEnumerable<(string, string)> Contributions(Explanation explanation)
    {
        if (explanation.Contributions.Count == 0)
        {
            yield break;
        }

        yield return ("adds up", $"{explanation.Contributions.Count} small deviations to {Words.Number(explanation.EvidenceBits)} bits; "
            + $"the bound is {Words.Number(explanation.EvidenceBound)}");
        foreach (var step in explanation.Contributions.Take(ContributionsShown))
        {
            var mark = step.Mark.Length > 0 ? $", marked {SafeText.Of(step.Mark, 80)}" : "";
            yield return ("", $"  {Moment.Show(step.TimeUnixNs)}  {Words.Of(step.Class)} {SafeText.Of(step.Behaviour, 240)}  "
                + $"{Signed(step.Bits)} bits{mark}, {Words.Number(step.Score)} per container-day");
        }

        if (explanation.Contributions.Count > ContributionsShown)
        {
            yield return ("", $"  and {explanation.Contributions.Count - ContributionsShown} more");
        }
    }

    /// <summary>A step may speak against an intrusion as well.</summary>
    static string Signed(double bits) => bits < 0 ? $"-{Words.Number(-bits)}" : $"+{Words.Number(bits)}";
}
