using System.Net;
using System.Text;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>One judged event, as the Pipeline hands it over.</summary>
readonly ref struct Observation(
    WatchedContainer container, ProcessNode<Actor> node, in EventHeader header, Verdict verdict)
{
    public readonly WatchedContainer Container = container;
    public readonly ProcessNode<Actor> Node = node;
    public readonly EventHeader Header = header;
    public readonly Verdict Verdict = verdict;
}

/// <summary>
/// Turns verdicts into what leaves the node: anomalies at once, process records as they come, activity by the minute.
/// A repeat of a known behaviour within the minute only counts. Loop thread only.
/// </summary>
sealed class Reporter(string node, SpoolWriter spool, CoverageLedger coverage, Counters counters, BootClock clock)
{
    /// <summary>Behaviour-container pairs of one minute; worst case about 24 MB with their examples.</summary>
    public const int ActivityCapacity = 65536;

    const int MaxAncestors = 16;

    /// <summary>Arguments of one process that are reported; the collector takes 1024.</summary>
    internal const int MostArguments = 512;

    readonly ActivityTable _activity = new(ActivityCapacity);

    /// <summary>Set when the collector scales time; shown on every anomaly.</summary>
    public double TimeScale { get; set; } = 1;

    public long UnixNs(ulong bootNs) => clock.ToUnixNs(bootNs);

    public void OnContainer(ContainerEntry entry) => spool.TryWrite(new Record { Container = entry.Facts });

    public void OnExec(WatchedContainer container, ProcessNode<Actor> process, in EventHeader header) =>
        spool.TryWrite(new Record
        {
            Exec = new ProcessExec
            {
                TimeUnixNs = UnixNs(header.TimeNs),
                ContainerId = container.Facts.Id,
                Process = Describe(process),
            },
        });

    public void OnExit(WatchedContainer container, in ExitEvent e) =>
        spool.TryWrite(new Record
        {
            Exit = new ProcessExit
            {
                TimeUnixNs = UnixNs(e.Header.TimeNs),
                ContainerId = container.Facts.Id,
                Pid = (int)e.Header.Pid,
                StartUnixNs = clock.StartToUnixNs(e.Header.StartNs),
                ExitCode = e.ExitCode,
            },
        });

    public void Report(in Observation seen, in ContainerEvent e)
    {
        var unixNs = UnixNs(seen.Header.TimeNs);
        if (seen.Verdict.Behaviour != 0 && _activity.CountOne(seen.Container.Entry.Slot, seen.Verdict.Behaviour, unixNs))
            _activity.Note(seen.Container.Entry.Slot, seen.Verdict.Behaviour, Example(seen, e, unixNs));
        counters[Counter.ActivityFull] = _activity.Dropped;
        // A grey event begins a lineage too: what its children do adds to it.
        if (seen.Verdict.Kind is VerdictKind.Pending or VerdictKind.Anomalous && seen.Node.Lineage == default)
            seen.Node.Lineage = seen.Node.Key;
        if (seen.Verdict.Anomaly is not { } anomaly)
            return;
        counters[Counter.Anomalies]++;
        if (!seen.Container.MayReport(seen.Header.TimeNs))
        {
            // One container's flood costs that container: the queue is everybody's.
            counters.Add(Counter.AnomalyRate);
            spool.Missed(Lane.Anomalies, $"container {seen.Container.Facts.Id} had more than {WatchedContainer.AnomaliesPerSecond} anomalies in a second");
            return;
        }
        Complete(anomaly, seen, e, unixNs);
        spool.TryWrite(anomaly);
    }

    /// <summary>Ends the minute of activity.</summary>
    public void FlushActivity() => _activity.Flush(row => spool.TryWrite(new Record { Activity = row }));

    void Complete(Anomaly anomaly, in Observation seen, in ContainerEvent e, long unixNs)
    {
        anomaly.TimeUnixNs = unixNs;
        anomaly.Node = node;
        anomaly.Kind = e.Kind;
        anomaly.Container = seen.Container.Entry.Facts;
        anomaly.Process = Describe(seen.Node);
        anomaly.LineagePid = (int)seen.Node.Lineage.Pid;
        anomaly.LineageStartUnixNs = clock.StartToUnixNs(seen.Node.Lineage.StartNs);
        anomaly.ReturnCode = seen.Header.Result < 0 ? seen.Header.Result : 0;
        anomaly.Unverified = (e.Flags & EventFlags.Unverified) != 0;
        anomaly.TimeScale = TimeScale;
        anomaly.Peer = PeerOf(e);
        anomaly.Port = e.Port;
        anomaly.PeerName = NameOf(e);
        anomaly.Losses.Add(coverage.Current);
        for (var ancestor = seen.Node.Parent; ancestor is not null && anomaly.Ancestors.Count < MaxAncestors; ancestor = ancestor.Parent)
            anomaly.Ancestors.Add(Describe(ancestor));
    }

    Activity Example(in Observation seen, in ContainerEvent e, long unixNs)
    {
        seen.Container.Baseline.TryDescribe(seen.Verdict.Behaviour, out var behaviourClass, out var actor, out var target);
        return new Activity
        {
            MinuteUnixNs = unixNs - unixNs % 60_000_000_000,
            ContainerId = seen.Container.Facts.Id,
            Kind = e.Kind,
            Class = behaviourClass,
            Actor = actor,
            Object = target,
            Example = Encoding.UTF8.GetString(e.Path),
            Peer = PeerOf(e),
            Port = e.Port,
            PeerName = NameOf(e),
            Pid = (int)seen.Node.Pid,
            StartUnixNs = clock.StartToUnixNs(seen.Node.StartNs),
        };
    }

    static string PeerOf(in ContainerEvent e) => e.Peer.Length is 4 or 16 ? new IPAddress(e.Peer).ToString() : "";

    static string NameOf(in ContainerEvent e) => e.Name.IsEmpty ? "" : Encoding.UTF8.GetString(e.Name);

    Process Describe(ProcessNode<Actor> process)
    {
        var described = new Process
        {
            Pid = (int)process.Pid,
            StartUnixNs = clock.StartToUnixNs(process.StartNs),
            ParentPid = (int)process.ParentKey.Pid,
            ParentStartUnixNs = clock.StartToUnixNs(process.ParentKey.StartNs),
            Exe = process.Exe,
            Uid = process.Uid,
            Comm = process.Comm,
            SeenFromBirth = (process.Flags & ProcessFlags.SeenFromBirth) != 0,
            ArgsTruncated = (process.Flags & ProcessFlags.ArgumentsTruncated) != 0,
            ExeNotInImage = (process.Flags & ProcessFlags.NotInImage) != 0,
            ExeMemfd = (process.Flags & ProcessFlags.Memfd) != 0,
            ExeDeleted = (process.Flags & ProcessFlags.Deleted) != 0,
        };
        var (arguments, cut) = process.ShowArguments(MostArguments);
        described.Args.AddRange(arguments);
        described.ArgsTruncated |= cut;
        return described;
    }
}
