using System.Globalization;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>Turns what agents send into rows. Arguments have passed the checks of the gateway.</summary>
sealed class HistoryItems(ContainerNames containers, ProcessNames processes)
{
    /// <summary>The row of a record from a node; containers named by id are joined with what is known of them.</summary>
    public HistoryItem Of(string node, Record record, long now)
    {
        switch (record.KindCase)
        {
            case Record.KindOneofCase.Exec:
                return Exec(node, record.Exec, now);
            case Record.KindOneofCase.Exit:
                return Exit(node, record.Exit, now);
            case Record.KindOneofCase.Activity:
                return Activity(node, record.Activity, now);
            case Record.KindOneofCase.Coverage:
                return Coverage(node, record.Coverage, now);
            case Record.KindOneofCase.Gap:
                return Gap(node, record.Gap, now);
            default:
                containers.Learn(node, record.Container);
                return new HistoryItem
                {
                    Kind = HistoryKind.Container,
                    TimeUnixNs = now,
                    LastUnixNs = now,
                    ReceivedUnixNs = now,
                    Node = node,
                    Container = record.Container,
                    Extra = JsonFormatter.Default.Format(record.Container),
                };
        }
    }

    public static HistoryItem Of(Anomaly anomaly, long receivedUnixNs) => new()
    {
        Kind = HistoryKind.Anomaly,
        TimeUnixNs = anomaly.TimeUnixNs,
        LastUnixNs = anomaly.TimeUnixNs,
        ReceivedUnixNs = receivedUnixNs,
        Node = anomaly.Node,
        Container = anomaly.Container,
        Process = anomaly.Process,
        Event = anomaly.Kind,
        Class = anomaly.Class,
        Subject = anomaly.Subject,
        Behaviour = anomaly.Behaviour,
        Peer = anomaly.Peer,
        Port = anomaly.Port,
        Score = anomaly.Explanation?.Score ?? 0,
        Rule = anomaly.Rule,
        Detail = anomaly.Summary,
    };

    HistoryItem Exec(string node, ProcessExec exec, long now)
    {
        processes.Learn(node, exec.Process.Pid, exec.Process.StartUnixNs, exec.Process.Exe);
        return new HistoryItem
        {
            Kind = HistoryKind.Exec,
            TimeUnixNs = exec.TimeUnixNs,
            LastUnixNs = exec.TimeUnixNs,
            ReceivedUnixNs = now,
            Node = node,
            Container = containers.Of(node, exec.ContainerId),
            Process = exec.Process,
            Event = EventKind.Exec,
            Subject = exec.Process.Exe,
        };
    }

    HistoryItem Exit(string node, ProcessExit exit, long now) => new()
    {
        Kind = HistoryKind.Exit,
        TimeUnixNs = exit.TimeUnixNs,
        LastUnixNs = exit.TimeUnixNs,
        ReceivedUnixNs = now,
        Node = node,
        Container = containers.Of(node, exit.ContainerId),
        Process = new Process
        {
            Pid = exit.Pid,
            StartUnixNs = exit.StartUnixNs,
            Exe = processes.Of(node, exit.Pid, exit.StartUnixNs),
        },
        Event = EventKind.Exit,
        Detail = Ending(exit.ExitCode),
    };

    HistoryItem Activity(string node, Activity activity, long now) => new()
    {
        Kind = HistoryKind.Activity,
        TimeUnixNs = activity.FirstUnixNs,
        LastUnixNs = Math.Max(activity.FirstUnixNs, activity.LastUnixNs),
        ReceivedUnixNs = now,
        Node = node,
        Container = containers.Of(node, activity.ContainerId),
        // The end of the actor's chain is the executable, generalised.
        Process = new Process { Pid = activity.Pid, StartUnixNs = activity.StartUnixNs, Exe = activity.Actor.Split(" > ")[^1] },
        Event = activity.Kind,
        Class = activity.Class,
        Subject = Named(activity) ?? (activity.Example.Length > 0 ? activity.Example : activity.Object),
        Behaviour = $"{activity.Actor} -> {activity.Object}",
        Peer = activity.Peer,
        Port = activity.Port,
        Count = activity.Count,
    };

    /// <summary>A peer by name and by address, or the name that was asked for.</summary>
    static string? Named(Activity activity) => activity switch
    {
        { PeerName.Length: 0 } => null,
        { Peer.Length: 0 } => activity.PeerName,
        _ => string.Create(CultureInfo.InvariantCulture, $"{activity.PeerName}:{activity.Port} ({activity.Peer})"),
    };

    HistoryItem Coverage(string node, Coverage coverage, long now) => new()
    {
        Kind = HistoryKind.Coverage,
        TimeUnixNs = coverage.FromUnixNs,
        LastUnixNs = Math.Max(coverage.FromUnixNs, coverage.ToUnixNs),
        ReceivedUnixNs = now,
        Node = node,
        Container = coverage.ContainerId.Length > 0 ? containers.Of(node, coverage.ContainerId) : new Container(),
        Subject = coverage.Sensor,
        Detail = coverage.Reason,
        Extra = JsonFormatter.Default.Format(coverage),
    };

    static HistoryItem Gap(string node, Gap gap, long now) => new()
    {
        Kind = HistoryKind.Gap,
        TimeUnixNs = gap.FromUnixNs,
        LastUnixNs = Math.Max(gap.FromUnixNs, gap.ToUnixNs),
        ReceivedUnixNs = now,
        Node = node,
        Count = gap.Anomalies + gap.Records,
        Detail = gap.Reason,
        Extra = JsonFormatter.Default.Format(gap),
    };

    /// <summary>A status as wait(2) gives it: low seven bits the signal, next byte the code.</summary>
    static string Ending(int status) =>
        (status & 0x7f) == 0 ? $"exit code {(status >> 8) & 0xff}" : $"killed by signal {status & 0x7f}";
}
