using System.Text;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// What the Pipeline tells the kernel side: which cgroup has which slot. Delegates, so that recordings run through the
/// same Pipeline on a machine without a kernel side.
/// </summary>
sealed record KernelSlots(
    Func<uint> Take, Action<uint> Release, Action<ulong, uint> Watch, Action<ulong> Unwatch, Action<int, ulong, uint> WatchTask);

sealed record PipelineSide(KernelSlots Slots, Counters Counters, uint HostMountNamespace);

sealed partial class Pipeline
{
    /// <summary>How long a dead container's slot is kept for events still in the rings.</summary>
    const ulong RetireNs = 30_000_000_000;

    readonly HashSet<ulong> _wasThereBefore = [];
    readonly List<(ContainerEntry Entry, ulong AtNs)> _retiring = [];
    ulong _retireAtNs;

    /// <summary>A container's identity is known: its events wait on for the model, or go on now.</summary>
    public void OnResolved(ContainerEntry entry, long nowUnixNs)
    {
        Leave(entry);
        var watched = WatchedContainer.Of(entry, _models, _wasThereBefore.Contains(entry.CgroupId));
        entry.Tag = watched;
        _reporter.OnContainer(entry);
        if (!_models.Join(entry, watched.Facts.Workload, nowUnixNs))
            Release(entry);
    }

    /// <summary>Judges what waited, in order, and from now on without waiting.</summary>
    public void Release(ContainerEntry entry)
    {
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
    };

    bool OnCgroup(ReadOnlySpan<byte> sample)
    {
        if (!CgroupEvent.TryRead(sample, out var e))
            return false;
        var id = e.Header.CgroupId;
        if (e.Header.Kind == EventKinds.CgroupMkdir)
            OnCgroupCreated(e.Header, Encoding.UTF8.GetString(e.Path));
        else if (e.Header.Kind == EventKinds.CgroupRmdir)
            OnCgroupRemoved(id);
        return true;
    }

    void OnCgroupCreated(in EventHeader header, string path)
    {
        var wasThere = (header.Flags & EventFlagBits.Snapshot) != 0;
        var slot = header.Slot;
        if (slot == 0 && wasThere)
            slot = _side.Slots.Take();
        if (!_resolver.OnCgroupCreated(header.CgroupId, slot, path))
        {
            // Nobody's workload: a slice, a pod's directory.
            _side.Slots.Unwatch(header.CgroupId);
            if (slot != 0)
                _side.Slots.Release(slot);
            return;
        }
        if (!_resolver.TryGet(header.CgroupId, out var entry))
            return;
        if (entry.Slot != slot && slot != 0)
        {
            // A cgroup nested in a container: same container, same slot.
            _side.Slots.Watch(header.CgroupId, entry.Slot);
            _side.Slots.Release(slot);
            return;
        }
        if (wasThere)
        {
            _wasThereBefore.Add(header.CgroupId);
            _side.Slots.Watch(header.CgroupId, slot);
        }
        if (slot >= _bySlot.Length)
            Array.Resize(ref _bySlot, (int)Math.Max(slot + 1, _bySlot.Length * 2));
        _bySlot[slot] = entry;
    }

    void OnCgroupRemoved(ulong id)
    {
        _resolver.OnCgroupRemoved(id);
        _side.Slots.Unwatch(id);
        _wasThereBefore.Remove(id);
        if (!_resolver.TryGet(id, out var entry) || entry.CgroupId != id)
            return;
        _retiring.Add((entry, BootClock.BootNs));
        if (entry.State == ContainerState.Dead)
            Leave(entry);
    }

    void Leave(ContainerEntry entry)
    {
        if (entry.Tag is not WatchedContainer { Left: false } watched)
            return;
        watched.Left = true;
        if (entry.State == ContainerState.Dead)
            watched.Baseline.Ended(watched.Facts, _models.Clock.FromUnix(_reporter.UnixNs(BootClock.BootNs)));
        _models.Leave(watched.Facts.Workload);
    }

    /// <summary>
    /// Gives back slots of dead containers. A process that moved to another cgroup still carries its container's slot,
    /// so a slot is free only when no living process has it.
    /// </summary>
    void Retire(ulong bootNs)
    {
        if (_retiring.Count == 0 || bootNs < _retireAtNs)
            return;
        _retireAtNs = bootNs + RetireNs;
        var inUse = _tree.All.Where(n => !n.Exited && n.Container is not null).Select(n => n.Container!.Slot).ToHashSet();
        _retiring.RemoveAll(r =>
        {
            if (bootNs - r.AtNs < RetireNs || inUse.Contains(r.Entry.Slot))
                return false;
            if (r.Entry.Slot != 0 && r.Entry.Slot < (uint)_bySlot.Length && ReferenceEquals(_bySlot[r.Entry.Slot], r.Entry))
            {
                _bySlot[r.Entry.Slot] = null;
                _side.Slots.Release(r.Entry.Slot);
            }
            return true;
        });
    }
}
