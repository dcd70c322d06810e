using RuntimeGuard.Proto;
using Spectre.Console;

namespace RuntimeGuard.Cli;

/// <summary>An alert explained to a person: what, where, who, how unusual, what is near it, what was lost around it.</summary>
static class AlertText
{
    const int NearestShown = 3;
    const int AncestorsShown = 8;
    const int ArgumentsShown = 400;

    static readonly Style Critical = new(Color.Red, decoration: Decoration.Bold);
    static readonly Style Unusual = new(Color.Yellow, decoration: Decoration.Bold);
    static readonly Style Quiet = new(decoration: Decoration.Dim);

    public static void Show(Terminal terminal, Alert alert)
    {
        var worst = alert.Worst ?? new Anomaly();
        terminal.Screen.Write(new Paragraph($"{Moment.Show(worst.TimeUnixNs)}  ", Quiet)
            .Append($"{GroupText.Headline(alert)}\n", worst.Rule.Length > 0 ? Critical : Unusual));
        foreach (var (label, text) in Lines(alert))
        {
            terminal.Screen.Write(new Text($"  {label,-10}", Quiet));
            // Written past Spectre's layout: a long line is for the terminal to wrap, so that it can be copied whole.
            terminal.Out.WriteLine(text);
        }
    }

    /// <summary>One sentence.</summary>
    public static string Headline(Anomaly anomaly)
    {
        var sentence = anomaly.Summary.Length > 0 ? anomaly.Summary : $"{Words.Of(anomaly.Kind)} {anomaly.Subject}";
        return SafeText.Of(sentence, 600);
    }

    /// <summary>Everything below the headline, as label and text; only what there is to say.</summary>
    public static IEnumerable<(string Label, string Text)> Lines(Alert alert)
    {
        var worst = alert.Worst ?? new Anomaly();
        yield return ("alert", $"{SafeText.Of(alert.Id)}  {Words.Of(alert.State)}{Count(alert)}");
        if (alert.Decision is { } decision)
        {
            yield return ("decided", $"by {SafeText.Of(decision.User, 80)}, {OverrideText.Until(decision.ExpiresUnixNs)}: "
                + $"{SafeText.Of(decision.Reason, 300)} (override {SafeText.Of(decision.OverrideId, 40)})");
        }

        foreach (var line in GroupText.Lines(alert))
        {
            yield return line;
        }

        if (alert.Kind == AlertKind.Drift)
        {
            yield break;
        }

        yield return ("where", Where(worst));
        if (worst.Process is { } process)
        {
            yield return ("process", Describe(process));
            foreach (var line in Ancestry(worst))
            {
                yield return line;
            }
        }

        yield return ("what", $"{Words.Of(worst.Kind)} {SafeText.Of(worst.Subject, 4200)}{Outcome(worst)}");
        yield return ("unusual", HowUnusual(worst));
        foreach (var line in ExplanationText.Lines(worst))
        {
            yield return line;
        }

        foreach (var nearest in (worst.Explanation?.Nearest ?? []).Take(NearestShown))
        {
            yield return ("nearest", SafeText.Of(nearest, 300));
        }

        if (worst.Technique.Length > 0)
        {
            yield return ("technique", $"{SafeText.Of(worst.Technique)}  {Words.TechniqueAddress(worst.Technique)}".TrimEnd());
        }

        if (worst.Explanation is { WouldBecomeKnown.Length: > 0 } explanation)
        {
            yield return ("normal if", SafeText.Of(explanation.WouldBecomeKnown, 300));
        }

        if (CoverageText.Lost(worst.Losses) is { Length: > 0 } lost)
        {
            yield return ("lost", $"{lost} on this node around then: there may be more to it");
        }

        if (Words.TimeScale(worst.TimeScale) is { } scale)
        {
            yield return ("clock", scale);
        }
    }

    /// <summary>"0.004 benign occurrences per container-day", and what else decided.</summary>
    public static string HowUnusual(Anomaly anomaly)
    {
        var explanation = anomaly.Explanation ?? new Explanation();
        var parts = new List<string> { $"{Words.Number(explanation.Score)} benign occurrences per container-day" };
        if (anomaly.Rule.Length > 0)
        {
            parts.Add($"critical rule {SafeText.Of(anomaly.Rule, 80)}");
        }

        if (anomaly.StrictLock)
        {
            parts.Add("locked by hand: every new behaviour of this class alerts");
        }

        if (explanation.Mark.Length > 0)
        {
            parts.Add($"marked {SafeText.Of(explanation.Mark, 80)}");
        }

        if (explanation.Bits > 0)
        {
            parts.Add($"{Words.Number(explanation.Bits)} bits of surprise for what did it");
        }

        if (explanation.State.Length > 0)
        {
            parts.Add($"model {SafeText.Of(explanation.State, 40)}");
        }

        return string.Join("; ", parts);
    }

    static string Where(Anomaly anomaly)
    {
        var container = anomaly.Container ?? new Container();
        var name = container.Name.Length > 0 ? $"{SafeText.Of(container.Name, 80)} " : "";
        var pod = container.Pod.Length > 0 ? $"  pod {SafeText.Of(container.Pod, 80)}" : "";
        var tag = container.Tag.Length > 0 ? $":{SafeText.Of(container.Tag, 80)}" : "";
        return $"{Words.Workload(container.Workload)}{tag}{pod}  container {name}({Words.ContainerId(container.Id)})  node {SafeText.Of(anomaly.Node, 80)}";
    }

    static IEnumerable<(string, string)> Ancestry(Anomaly anomaly)
    {
        var indent = "";
        foreach (var ancestor in anomaly.Ancestors.Take(AncestorsShown))
        {
            indent += "  ";
            yield return ("", $"{indent}started by {Describe(ancestor)}");
        }

        if (anomaly.Ancestors.Count > AncestorsShown)
        {
            yield return ("", $"{indent}  and {anomaly.Ancestors.Count - AncestorsShown} more above");
        }
    }

    static string Describe(Process process)
    {
        var command = process.Args.Count > 0 ? SafeText.OfArguments(process.Args, ArgumentsShown) : SafeText.Of(process.Comm);
        var notes = new List<string> { $"pid {process.Pid}", $"uid {process.Uid}" };
        AddIf(notes, process.ExeNotInImage, "not in the image");
        AddIf(notes, process.ExeMemfd, "runs from memory");
        AddIf(notes, process.ExeDeleted, "its file is deleted");
        AddIf(notes, process.ArgsTruncated, "arguments cut");
        AddIf(notes, !process.SeenFromBirth, "not seen from its birth");
        return $"{SafeText.Of(process.Exe, 300)}  [{command}]  {string.Join(", ", notes)}";
    }

    static void AddIf(List<string> notes, bool condition, string note)
    {
        if (condition)
        {
            notes.Add(note);
        }
    }

    static string Outcome(Anomaly anomaly) => anomaly switch
    {
        { ReturnCode: not 0 } => $"  (failed: {anomaly.ReturnCode})",
        { Unverified: true } => "  (as the caller said it; not confirmed by the kernel)",
        _ => "",
    };

    static string Count(Alert alert) => alert.Kind == AlertKind.Drift
        ? $"  since {Moment.Show(alert.LastUnixNs)}{(alert.Count > 1 ? $", {alert.Count} times so far" : "")}"
        : alert.Count <= 1
        ? ""
        : $"  {alert.Count} anomalies between {Moment.Show(alert.FirstUnixNs)} and {Moment.Show(alert.LastUnixNs)}";
}
