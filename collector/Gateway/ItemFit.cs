using Google.Protobuf.Collections;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>
/// Shortens what is beyond the bounds of <see cref="WireLimits"/>, in place: an attacker writes arguments and paths, and
/// a long one must not make its own report vanish. One instance per item; the item's identity is for the checks.
/// </summary>
sealed class ItemFit
{
    /// <summary>Whether anything had to be shortened.</summary>
    public bool Shortened { get; private set; }

    public static bool Fit(Anomaly anomaly)
    {
        var fit = new ItemFit();
        fit.Whole(anomaly);
        return fit.Shortened;
    }

    public static bool Fit(Record record)
    {
        var fit = new ItemFit();
        switch (record.KindCase)
        {
            case Record.KindOneofCase.Exec when record.Exec.Process is { } process:
                fit.Process(process, WireLimits.ArgumentsTotal);
                break;
            case Record.KindOneofCase.Activity:
                fit.Activity(record.Activity);
                break;
            case Record.KindOneofCase.Coverage:
                record.Coverage.Sensor = fit.Text(record.Coverage.Sensor, WireLimits.Name);
                record.Coverage.Reason = fit.Text(record.Coverage.Reason, WireLimits.Text);
                fit.Losses(record.Coverage.Losses);
                break;
            case Record.KindOneofCase.Gap:
                record.Gap.Reason = fit.Text(record.Gap.Reason, WireLimits.Text);
                break;
            case Record.KindOneofCase.Container:
                fit.Container(record.Container);
                break;
            default:
                break;
        }
        return fit.Shortened;
    }

    public static bool Fit(Container container)
    {
        var fit = new ItemFit();
        fit.Container(container);
        return fit.Shortened;
    }

    void Whole(Anomaly anomaly)
    {
        anomaly.Subject = Text(anomaly.Subject, WireLimits.Text);
        anomaly.Behaviour = Text(anomaly.Behaviour, WireLimits.Text);
        anomaly.Summary = Text(anomaly.Summary, WireLimits.Text);
        anomaly.Rule = Text(anomaly.Rule, WireLimits.Name);
        anomaly.Technique = Text(anomaly.Technique, WireLimits.Name);
        anomaly.Peer = Text(anomaly.Peer, WireLimits.Name);
        anomaly.PeerName = Text(anomaly.PeerName, WireLimits.Name);
        if (anomaly.Port > ushort.MaxValue)
        {
            (anomaly.Port, Shortened) = (0, true);
        }
        if (anomaly.Container is { } container)
        {
            Container(container);
        }
        anomaly.Process ??= new Process();
        Process(anomaly.Process, WireLimits.ArgumentsTotal);
        Cut(anomaly.Ancestors, WireLimits.Ancestors);
        foreach (var ancestor in anomaly.Ancestors)
        {
            Process(ancestor, WireLimits.ArgumentsTotal);
        }
        Losses(anomaly.Losses);
        if (anomaly.Explanation is { } explanation)
        {
            Explanation(explanation);
        }
        anomaly.TimeScale = Finite(anomaly.TimeScale, 1);
        Lighten(anomaly);
    }

    /// <summary>The farthest ancestors give up their arguments first: what happened is told by the process itself.</summary>
    void Lighten(Anomaly anomaly)
    {
        for (var i = anomaly.Ancestors.Count - 1; i >= 0 && anomaly.CalculateSize() > WireLimits.AnomalyBytes; i--)
        {
            Process(anomaly.Ancestors[i], argumentsTotal: 0);
        }
        while (anomaly.Ancestors.Count > 0 && anomaly.CalculateSize() > WireLimits.AnomalyBytes)
        {
            Cut(anomaly.Ancestors, anomaly.Ancestors.Count - 1);
        }
        while (anomaly.Explanation is { Contributions.Count: > 0 } && anomaly.CalculateSize() > WireLimits.AnomalyBytes)
        {
            Cut(anomaly.Explanation.Contributions, anomaly.Explanation.Contributions.Count - 1);
        }
    }

    void Process(Process process, int argumentsTotal)
    {
        process.Exe = Text(process.Exe, WireLimits.Path);
        process.Comm = Text(process.Comm, WireLimits.Name);
        process.Pid = Natural(process.Pid);
        process.ParentPid = Natural(process.ParentPid);
        var (kept, room) = (0, argumentsTotal);
        while (kept < Math.Min(process.Args.Count, WireLimits.Arguments) && process.Args[kept].Length <= room)
        {
            room -= process.Args[kept++].Length;
        }
        if (kept == process.Args.Count)
        {
            return;
        }
        // The first that is too long is shown as far as there is room: its beginning may be all there is to see.
        if (kept < WireLimits.Arguments && room > 0)
        {
            process.Args[kept] = Text(process.Args[kept], room);
            kept++;
        }
        process.ArgsTruncated = true;
        Cut(process.Args, kept);
        Shortened = true;
    }

    void Container(Container container)
    {
        container.Name = Text(container.Name, WireLimits.Name);
        container.Pod = Text(container.Pod, WireLimits.Name);
        container.PodUid = Text(container.PodUid, WireLimits.Name);
        container.Tag = Text(container.Tag, WireLimits.Name);
        container.Digest = Text(container.Digest, WireLimits.Name);
        container.Runtime = Text(container.Runtime, WireLimits.Name);
    }

    void Activity(Activity activity)
    {
        activity.Actor = Text(activity.Actor, WireLimits.Text);
        activity.Object = Text(activity.Object, WireLimits.Text);
        activity.Example = Text(activity.Example, WireLimits.Path);
        activity.Peer = Text(activity.Peer, WireLimits.Name);
        activity.PeerName = Text(activity.PeerName, WireLimits.Name);
    }

    void Explanation(Explanation explanation)
    {
        // A score that is none says nothing; 0 is the most alarming, so that nobody hides behind it.
        explanation.Score = Finite(explanation.Score, 0);
        explanation.ClassRatePerDay = Finite(explanation.ClassRatePerDay, 0);
        explanation.MarkBenign = Finite(explanation.MarkBenign, 0);
        explanation.MarkAttack = Finite(explanation.MarkAttack, 0);
        explanation.EvidenceFraction = Finite(explanation.EvidenceFraction, 0);
        explanation.Mark = Text(explanation.Mark, WireLimits.Name);
        explanation.State = Text(explanation.State, WireLimits.Name);
        explanation.WouldBecomeKnown = Text(explanation.WouldBecomeKnown, WireLimits.Text);
        Cut(explanation.Nearest, WireLimits.Nearest);
        for (var i = 0; i < explanation.Nearest.Count; i++)
        {
            explanation.Nearest[i] = Text(explanation.Nearest[i], WireLimits.Path);
        }
        explanation.Context = Text(explanation.Context, WireLimits.Name);
        // A tag and a digest.
        explanation.Version = Text(explanation.Version, 2 * WireLimits.Name);
        explanation.Role = Text(explanation.Role, WireLimits.Name);
        explanation.Bits = Finite(explanation.Bits, 0);
        explanation.EvidenceBits = Finite(explanation.EvidenceBits, 0);
        explanation.EvidenceBound = Finite(explanation.EvidenceBound, 0);
        Cut(explanation.Contributions, WireLimits.Contributions);
        foreach (var step in explanation.Contributions)
        {
            step.Behaviour = Text(step.Behaviour, WireLimits.Path);
            step.Mark = Text(step.Mark, WireLimits.Name);
            step.Score = Finite(step.Score, 0);
            // A step may speak against an intrusion: its bits are the one number here that is rightly below nothing.
            step.Bits = double.IsFinite(step.Bits) ? step.Bits : Finite(step.Bits, 0);
        }
    }

    void Losses(RepeatedField<Loss> losses)
    {
        Cut(losses, WireLimits.Losses);
        foreach (var loss in losses)
        {
            loss.Cause = Text(loss.Cause, WireLimits.Name);
            loss.EventClass = Text(loss.EventClass, WireLimits.Name);
        }
    }

    string Text(string text, int longest)
    {
        if (text.Length <= longest)
        {
            return text;
        }
        Shortened = true;
        // Half a surrogate pair could not be written to the wire again.
        return text[..(longest > 0 && char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest)];
    }

    void Cut<T>(RepeatedField<T> list, int most)
    {
        while (list.Count > most)
        {
            Shortened = true;
            list.RemoveAt(list.Count - 1);
        }
    }

    int Natural(int number)
    {
        Shortened |= number < 0;
        return Math.Max(0, number);
    }

    double Finite(double value, double otherwise)
    {
        if (double.IsFinite(value) && value >= 0)
        {
            return value;
        }
        Shortened = true;
        return otherwise;
    }
}
