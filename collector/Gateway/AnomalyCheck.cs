using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>
/// Whether what a node reports says what it is about: its own node, a time, a container, a class. An answer of null is
/// "it does"; else a stable reason. What is only too large is <see cref="ItemFit"/>'s.
/// </summary>
static class AnomalyCheck
{
    /// <summary>Times before 2000 or after 2200 are no clock's doing.</summary>
    const long EarliestNs = 946_684_800L * UnixTime.NsPerSecond;
    const long LatestNs = 7_258_118_400L * UnixTime.NsPerSecond;

    public static string? Reason(Anomaly anomaly, string node) =>
        anomaly.Node.Length > 0 && anomaly.Node != node ? "node"
        : !Time(anomaly.TimeUnixNs) ? "time"
        : anomaly.Class == BehaviourClass.Unspecified || !Enum.IsDefined(anomaly.Class) ? "kind"
        : anomaly.Container is null ? "container"
        : Container(anomaly.Container);

    public static string? Container(Container container) =>
        container.Id.Length is 0 or > WireLimits.Name || container.Workload is not { } workload || !Workload(workload)
            ? "container"
            : null;

    public static bool Workload(Workload workload) =>
        workload.Namespace.Length is > 0 and <= WireLimits.Name && workload.Image.Length is > 0 and <= WireLimits.Name;

    public static bool Time(long unixNs) => unixNs is > EarliestNs and < LatestNs;
}
