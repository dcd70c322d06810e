using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Models;

namespace RuntimeGuard.Agent;

/// <summary>
/// The way of one event, and the file to read first: KernelEvent → process and container → ContainerEvent →
/// <see cref="Baseline.Observe"/> → maybe an Anomaly. Loop thread only; a known behaviour allocates nothing.
/// Containers are in Pipeline.Containers.cs and Pipeline.Slots.cs, processes in Pipeline.Processes.cs, what they touch in
/// Pipeline.Objects.cs.
/// </summary>
sealed partial class Pipeline
{
    readonly ContainerResolver _resolver;
    readonly ModelExchange _models;
    readonly Redactor _redactor;
    readonly Reporter _reporter;
    readonly PipelineSide _side;
    readonly Counters _counters;
    readonly ParkedSample _replay;
    readonly ProcessTree<Actor> _tree = new(ProcessCapacity, ExitLingerNs);
    ContainerEntry?[] _bySlot = new ContainerEntry?[256];

    /// <summary>Processes of watched containers, living and lingering; worst case about 128 MB, half of it arguments.</summary>
    public const int ProcessCapacity = 65536;

    const ulong ExitLingerNs = 60_000_000_000;

    public Pipeline(ContainerResolver resolver, ModelExchange models, Redactor redactor, Reporter reporter, PipelineSide side)
    {
        (_resolver, _models, _redactor, _reporter) = (resolver, models, redactor, reporter);
        (_side, _counters) = (side, side.Counters);
        _replay = Replay;
    }

    /// <summary>Takes one sample from any sensor; it is borrowed until return.</summary>
    public void Handle(ReadOnlySpan<byte> sample)
    {
        _counters[Counter.Events]++;
        if (!KernelEvent.TryReadHeader(sample, out var header))
        {
            _counters[Counter.Malformed]++;
            return;
        }
        if (header.Kind == EventKinds.CgroupAttach)
            return;  // the slot is lineage's: where the task went changes nothing here
        if (header.Kind is EventKinds.CgroupMkdir or EventKinds.CgroupRmdir)
        {
            if (!OnCgroup(sample))
                _counters[Counter.Malformed]++;
            return;
        }
        if (EntryOf(header) is not { } entry)
        {
            _counters[Counter.Unattributed]++;
            return;
        }
        if ((header.Flags & EventFlagBits.Snapshot) != 0)
            WatchEarlier(entry, header);
        if (entry.State is ContainerState.Resolving or ContainerState.Held)
        {
            if (!_resolver.Park(entry.CgroupId, sample))
            {
                _counters[Counter.ParkedFull]++;
                entry.LostWhileParked = true;
            }
            return;
        }
        Judge(entry, header, sample);
    }

    /// <summary>Forgets what no event will name any more. Called every second.</summary>
    public void Tick(ulong bootNs)
    {
        _tree.Expire(bootNs);
        _counters[Counter.ProcessesRefused] = _tree.Refused;
        _counters[Counter.ProcessesEvicted] = _tree.Evicted;
        Retire(bootNs);
    }

    /// <summary>
    /// Loses nobody for good: ends processes whose exit was lost, and looks for cgroups and processes we never heard of.
    /// For when losses of those kinds grew: reads all of /proc.
    /// </summary>
    public void Reconcile(ulong bootNs)
    {
        _tree.EndMissing(ProcfsSensor.LivingPids(), bootNs);
        new ProcfsSensor().Snapshot(Handle);
    }

    /// <summary>A process that was there before us is watched now, not when its container's identity is known.</summary>
    void WatchEarlier(ContainerEntry entry, in EventHeader header)
    {
        if (entry.Slot != 0 && !_tree.TryGet(header.Pid, header.StartNs, out _)
            && !_side.Slots.WatchTask((int)header.Pid, header.StartNs, entry.Slot, (header.Flags & EventFlagBits.Served) != 0))
            _counters[Counter.TasksFull]++;
    }

    void Replay(ReadOnlySpan<byte> sample)
    {
        if (KernelEvent.TryReadHeader(sample, out var header) && EntryOf(header) is { } entry)
            Judge(entry, header, sample);
        else
            _counters[Counter.Malformed]++;
    }

    /// <summary>The slot is a fact of lineage: it still names the container after setns, unshare and cgroup moves.</summary>
    ContainerEntry? EntryOf(in EventHeader header)
    {
        if (header.Slot != 0 && header.Slot < (uint)_bySlot.Length && _bySlot[header.Slot] is { } entry)
            return entry;
        return _resolver.TryGet(header.CgroupId, out var byCgroup) ? byCgroup : null;
    }

    void Judge(ContainerEntry entry, in EventHeader header, ReadOnlySpan<byte> sample)
    {
        if (entry.Tag is not WatchedContainer container)
        {
            _counters[Counter.Unattributed]++;
            return;
        }
        var read = header.Kind switch
        {
            EventKinds.Fork => OnFork(container, sample),
            EventKinds.Exec => OnExec(container, sample),
            EventKinds.Exit => OnExit(container, sample),
            >= EventKinds.Open and <= EventKinds.Symlink => OnFile(container, sample),
            >= EventKinds.Connect and <= EventKinds.Send => OnNetwork(container, sample),
            EventKinds.Privilege => OnPrivilege(container, sample),
            EventKinds.Dns => OnDns(container, sample),
            _ => Unknown(),
        };
        if (!read)
            _counters[Counter.Malformed]++;
    }

    bool Unknown()
    {
        _counters[Counter.UnknownKind]++;
        return true;
    }

    void Observe(WatchedContainer container, ProcessNode<Actor> node, in EventHeader header, in ContainerEvent e)
    {
        var verdict = container.Baseline.Observe(in e);
        if (verdict.Kind != VerdictKind.Ignored)
            _reporter.Report(new Observation(container, node, header, verdict), in e);
    }
}
