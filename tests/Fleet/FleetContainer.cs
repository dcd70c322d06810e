using System.Text;
using RuntimeGuard.Models;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Tests.Fleet;

/// <summary>One replica: turns behaviours into events of its processes.</summary>
sealed class FleetContainer(int workload, int replica, long fromNs, long endNs, InternedText main, RecordedContainer recorded)
{
    const uint MainPid = 1;

    static readonly Dictionary<string, InternedText> Programs = [];

    uint _lastPid = 100;
    bool _started;

    public int Workload => workload;

    public int Replica => replica;

    public long FromNs => fromNs;

    public long EndNs => endNs;

    public RecordedContainer Recorded => recorded;

    /// <summary>The events of one behaviour: what starts for it, it, and the end of what started.</summary>
    public void Do(FleetBehaviour what, long atNs, List<FleetEvent> into)
    {
        Start(into);
        if (what.Kind == RecordedKind.Exec)
        {
            Run(what, atNs, into, MainPid, EventFlags.None, ends: true);
            return;
        }
        if (what.Helper is null)
        {
            Add(what, atNs, MainPid, 0, main, fromNs, EventFlags.None, into);
            return;
        }
        var pid = Run(FleetVocabulary.Exec(what.Helper, what.Helper[(what.Helper.LastIndexOf('/') + 1)..]), atNs, into, MainPid,
            EventFlags.None, ends: false);
        Add(what, atNs + 1000, pid, MainPid, Program(what.Helper), atNs, EventFlags.None, into);
        End(pid, atNs + 2000, Program(what.Helper), into);
    }

    /// <summary>An attack's events; returns when they were, step by step.</summary>
    public IEnumerable<(long AtNs, FleetStep Step)> Suffer(IEnumerable<FleetStep> steps, long atNs, List<FleetEvent> into)
    {
        Start(into);
        var chain = new (uint Pid, InternedText Exe, long StartNs)[3];
        chain[0] = (MainPid, main, fromNs);
        foreach (var step in steps)
        {
            var at = atNs + step.AfterNs;
            if (at >= endNs)
                yield break;
            if (step.What.Kind == RecordedKind.Exec)
                chain[step.Depth] = (Run(step.What, at, into, chain[step.Depth - 1].Pid, step.Flags, ends: false), Program(step.What.Path), at);
            else
            {
                if (chain[step.Depth].Pid == 0)
                    chain[step.Depth] = (Run(FleetVocabulary.Exec("/bin/sh", "sh"), at, into, MainPid, EventFlags.None, ends: false),
                        Program("/bin/sh"), at);
                var by = chain[step.Depth];
                Add(step.What, at + 1000, by.Pid, step.Depth == 0 ? 0 : chain[step.Depth - 1].Pid, by.Exe, by.StartNs, step.Flags, into);
            }
            yield return (at, step);
        }
    }

    void Start(List<FleetEvent> into)
    {
        if (_started)
            return;
        _started = true;
        var exec = FleetVocabulary.Exec(main.Text, main.Text);
        Add(exec, fromNs, MainPid, 0, main, fromNs, EventFlags.None, into);
    }

    uint Run(FleetBehaviour exec, long atNs, List<FleetEvent> into, uint parent, EventFlags flags, bool ends)
    {
        var pid = ++_lastPid;
        var exe = Program(exec.Path);
        Add(exec, atNs, pid, parent, exe, atNs, flags, into);
        if (ends)
            End(pid, atNs + 1000, exe, into);
        return pid;
    }

    void End(uint pid, long atNs, InternedText exe, List<FleetEvent> into) =>
        Add(FleetVocabulary.Of(RecordedKind.Exit, ""), atNs, pid, MainPid, exe, 0, EventFlags.None, into);

    void Add(FleetBehaviour what, long atNs, uint pid, uint parent, InternedText exe, long startNs, EventFlags flags, List<FleetEvent> into)
    {
        if (atNs >= fromNs && atNs <= endNs)
            into.Add(new FleetEvent(atNs, into.Count, this, what, pid, parent, exe, startNs, flags));
    }

    static InternedText Program(string path)
    {
        if (!Programs.TryGetValue(path, out var known))
            Programs.Add(path, known = new InternedText(Encoding.UTF8.GetBytes(path)));
        return known;
    }
}

/// <summary>An event of a fleet before it is written down.</summary>
readonly record struct FleetEvent(long TimeNs, int Order, FleetContainer Container, FleetBehaviour What, uint Pid, uint Parent,
    InternedText Exe, long StartNs, EventFlags Flags)
{
    public void Fill(EventRecord record)
    {
        record.Clear();
        (record.TimeNs, record.Kind, record.Container) = (TimeNs, What.Kind, Container.Recorded);
        (record.Pid, record.ParentPid, record.ProcessStartNs, record.Exe) = (Pid, Parent, StartNs, Exe);
        (record.Path, record.Path2, record.Arguments) = (What.PathBytes, What.Path2Bytes, What.ArgumentBytes);
        (record.Peer, record.Port, record.Protocol, record.Mode) = (What.Peer, What.Port, What.Protocol, What.Mode);
        record.Flags = Flags;
    }
}
