using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>
/// Whether a record says what it is about. An answer of null is "it does"; else a stable reason. What is only too large
/// is <see cref="ItemFit"/>'s.
/// </summary>
static class RecordCheck
{
    public static string? Reason(Record record) => record.KindCase switch
    {
        Record.KindOneofCase.Exec => Exec(record.Exec),
        Record.KindOneofCase.Exit => Exit(record.Exit),
        Record.KindOneofCase.Activity => Activity(record.Activity),
        Record.KindOneofCase.Coverage => Coverage(record.Coverage),
        Record.KindOneofCase.Gap => Gap(record.Gap),
        Record.KindOneofCase.Container => AnomalyCheck.Container(record.Container),
        _ => "kind",
    };

    static string? Exec(ProcessExec exec) =>
        !AnomalyCheck.Time(exec.TimeUnixNs) ? "time"
        : !Id(exec.ContainerId) ? "container"
        : exec.Process is null ? "process"
        : null;

    static string? Exit(ProcessExit exit) =>
        !AnomalyCheck.Time(exit.TimeUnixNs) ? "time"
        : !Id(exit.ContainerId) ? "container"
        : exit.Pid < 0 ? "process"
        : null;

    static string? Activity(Activity activity) =>
        !AnomalyCheck.Time(activity.FirstUnixNs) || !AnomalyCheck.Time(activity.LastUnixNs) ? "time"
        : !Id(activity.ContainerId) ? "container"
        : !Enum.IsDefined(activity.Kind) || !Enum.IsDefined(activity.Class) ? "kind"
        : activity.Pid < 0 ? "process"
        : activity.Port > ushort.MaxValue || activity.Count > long.MaxValue ? "number"
        : null;

    static string? Coverage(Coverage coverage) =>
        !AnomalyCheck.Time(coverage.FromUnixNs) || !AnomalyCheck.Time(coverage.ToUnixNs) ? "time"
        : coverage.ContainerId.Length > WireLimits.Name ? "container"
        : null;

    static string? Gap(Gap gap) =>
        !AnomalyCheck.Time(gap.FromUnixNs) || !AnomalyCheck.Time(gap.ToUnixNs) ? "time"
        : gap.Anomalies > int.MaxValue || gap.Records > int.MaxValue ? "number"
        : null;

    static bool Id(string container) => container.Length is > 0 and <= WireLimits.Name;
}
