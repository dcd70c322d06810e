using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Names;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// What the Pipeline tells the kernel side: which cgroup has which slot. Delegates, so that recordings run through the
/// same Pipeline on a machine without a kernel side.
/// </summary>
/// <param name="Watch">False when the kernel's table of cgroups is full.</param>
/// <param name="WatchTask">False when its table of processes is full.</param>
/// <param name="MarkHost">What the slot watches is a service or session of the host.</param>
sealed record KernelSlots(
    Func<uint> Take, Action<uint> Release, Func<ulong, uint, bool> Watch, Action<ulong> Unwatch,
    Func<int, ulong, uint, bool, bool> WatchTask, Action<uint> MarkHost);

/// <param name="HostMountNamespace">Inode numbers of the host's own namespaces; 0: not known, and nothing is in it.</param>
sealed record PipelineSide(KernelSlots Slots, Counters Counters, uint HostMountNamespace, uint HostNetworkNamespace = 0)
{
    public required NameKeeper Names { get; init; }
}

sealed partial class Pipeline
{
    readonly HashSet<ulong> _wasThereBefore = [];

    /// <summary>A container's identity is known: its events wait on for the model, or go on now.</summary>
    public void OnResolved(ContainerEntry entry, ulong nowBootNs)
    {
        Leave(entry);
        var watched = WatchedContainer.Of(entry, _models, NamesOf(entry, nowBootNs), _wasThereBefore.Contains(entry.CgroupId));
        // A late answer changes its name, not what has happened in it.
        watched.EntrySeen = entry.Tag is WatchedContainer { EntrySeen: true };
        (entry.Tag as WatchedContainer)?.Names.Dispose();
        entry.Tag = watched;
        _reporter.OnContainer(entry);
        if (!_models.Join(entry, watched.Facts.Workload, nowBootNs))
            Release(entry);
    }

    /// <summary>Judges what waited, in order, and from now on without waiting.</summary>
    public void Release(ContainerEntry entry)
    {
        if (entry.LostWhileParked && entry.Tag is WatchedContainer lossy)
            lossy.Baseline.Lost(lossy.Facts, BehaviourClass.Unspecified, _models.Clock.FromUnix(_reporter.UnixNs(BootClock.BootNs)));
        _resolver.Release(entry, _replay);
        if (entry.State == ContainerState.Dead)
            Leave(entry);
    }

    /// <summary>The collector set the models' clock: what was made on another is made again.</summary>
    public void OnClock()
    {
        _reporter.TimeScale = _models.Clock.Scale;
        foreach (var entry in _resolver.Current)
            if (entry.Tag is WatchedContainer watched)
                entry.Tag = watched.OnClock(_models.Clock);
    }

    /// <summary>The kernel side lost events of this slot and class: the unit they belong to is not evidence.</summary>
    public void OnLost(uint slot, string lossClass, long unixNs)
    {
        if (slot == 0 || slot >= (uint)_bySlot.Length || _bySlot[slot] is not { Tag: WatchedContainer watched })
            return;
        var now = _models.Clock.FromUnix(unixNs);
        foreach (var lost in LostClasses.GetValueOrDefault(lossClass, [BehaviourClass.Unspecified]))
            watched.Baseline.Lost(watched.Facts, lost, now);
    }

    /// <summary>Which behaviours a lost kernel event may have been; a class not named here voids them all.</summary>
    static readonly Dictionary<string, BehaviourClass[]> LostClasses = new()
    {
        ["file-read"] = [BehaviourClass.SensRead],
        ["file-write"] = [BehaviourClass.FileWrite, BehaviourClass.Perm, BehaviourClass.Remove],
        ["network"] = [BehaviourClass.NetOut, BehaviourClass.NetIn],
        ["dns"] = [BehaviourClass.Dns],
    };

    void EndWatch(WatchedContainer watched)
    {
        watched.Baseline.Ended(watched.Facts, _models.Clock.FromUnix(_reporter.UnixNs(BootClock.BootNs)));
        ForgetPod(watched.Entry);
    }

    void Leave(ContainerEntry entry)
    {
        if (entry.Tag is not WatchedContainer { Left: false } watched)
            return;
        watched.Left = true;
        if (entry.State == ContainerState.Dead)
            EndWatch(watched);
        _models.Leave(watched.Facts.Workload);
    }
}
