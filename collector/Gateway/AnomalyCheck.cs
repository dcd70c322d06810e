using Google.Protobuf.Collections;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>Bounds every field of what a node reports. An answer of null is "within bounds"; else a stable reason.</summary>
static class AnomalyCheck
{
    /// <summary>Times before 2000 or after 2200 are no clock's doing.</summary>
    const long EarliestNs = 946_684_800L * UnixTime.NsPerSecond;
    const long LatestNs = 7_258_118_400L * UnixTime.NsPerSecond;

    public static string? Reason(Anomaly anomaly, string node)
    {
        if (anomaly.Node.Length > 0 && anomaly.Node != node)
        {
            return "node";
        }
        if (!Time(anomaly.TimeUnixNs))
        {
            return "time";
        }
        if (anomaly.Kind == EventKind.Unspecified || !Enum.IsDefined(anomaly.Kind) ||
            anomaly.Class == BehaviourClass.Unspecified || !Enum.IsDefined(anomaly.Class))
        {
            return "kind";
        }
        if (anomaly.Subject.Length > WireLimits.Text || anomaly.Behaviour.Length > WireLimits.Text ||
            anomaly.Summary.Length > WireLimits.Text || anomaly.Rule.Length > WireLimits.Name ||
            anomaly.Technique.Length > WireLimits.Name)
        {
            return "text";
        }
        if (anomaly.Container is null || Container(anomaly.Container) is not null)
        {
            return "container";
        }
        if (anomaly.Ancestors.Count > WireLimits.Ancestors || anomaly.Process is null ||
            !Process(anomaly.Process) || !anomaly.Ancestors.All(Process))
        {
            return "process";
        }
        return Explanation(anomaly.Explanation) && Losses(anomaly.Losses) && Finite(anomaly.TimeScale) ? null : "explanation";
    }

    public static string? Container(Container container)
    {
        var workload = container.Workload;
        if (container.Id.Length is 0 or > WireLimits.Name || workload is null || !Workload(workload))
        {
            return "container";
        }
        return container.Name.Length <= WireLimits.Name && container.Pod.Length <= WireLimits.Name &&
            container.PodUid.Length <= WireLimits.Name && container.Tag.Length <= WireLimits.Name &&
            container.Digest.Length <= WireLimits.Name && container.Runtime.Length <= WireLimits.Name
            ? null
            : "container";
    }

    public static bool Workload(Workload workload) =>
        workload.Namespace.Length is > 0 and <= WireLimits.Name && workload.Image.Length is > 0 and <= WireLimits.Name;

    public static bool Process(Process process)
    {
        if (process.Pid < 0 || process.ParentPid < 0 || process.Exe.Length > WireLimits.Path ||
            process.Comm.Length > WireLimits.Name || process.Args.Count > WireLimits.Arguments)
        {
            return false;
        }
        var total = 0;
        foreach (var argument in process.Args)
        {
            total += argument.Length;
        }
        return total <= WireLimits.ArgumentsTotal;
    }

    public static bool Time(long unixNs) => unixNs is > EarliestNs and < LatestNs;

    public static bool Losses(RepeatedField<Loss> losses) =>
        losses.Count <= WireLimits.Losses &&
        losses.All(loss => loss.Cause.Length <= WireLimits.Name && loss.EventClass.Length <= WireLimits.Name);

    static bool Explanation(Explanation? explanation) =>
        explanation is null ||
        (Finite(explanation.Score) && Finite(explanation.ClassRatePerDay) && Finite(explanation.MarkBenign) &&
        Finite(explanation.MarkAttack) && Finite(explanation.EvidenceFraction) &&
        explanation.Mark.Length <= WireLimits.Name && explanation.State.Length <= WireLimits.Name &&
        explanation.WouldBecomeKnown.Length <= WireLimits.Text && explanation.Nearest.Count <= WireLimits.Nearest &&
        explanation.Nearest.All(text => text.Length <= WireLimits.Text));

    static bool Finite(double value) => double.IsFinite(value) && value >= 0;
}
