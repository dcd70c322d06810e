using System.Text;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Agent;

/// <summary>Cgroups come and go, and with them the slots by which the kernel side names containers.</summary>
sealed partial class Pipeline
{
    /// <summary>How long a dead container's slot is kept for events still in the rings.</summary>
    const ulong RetireNs = 30_000_000_000;

    /// <summary>Slots of nested cgroups that stay names of their container; more are given back at once.</summary>
    const int MostAliases = 4;

    /// <summary>Cgroups that are nobody's workload; full, a slot whose creation was never heard of is not reclaimed.</summary>
    const int MostIgnored = 16384;

    /// <summary>As many as the kernel side has.</summary>
    const uint MostSlots = 1024;

    readonly List<(ContainerEntry Entry, ulong AtNs)> _retiring = [];
    readonly List<(uint Slot, ContainerEntry Entry)> _aliases = [];
    readonly HashSet<ulong> _ignored = [];
    ulong _retireAtNs;

    bool OnCgroup(ReadOnlySpan<byte> sample)
    {
        if (!CgroupEvent.TryRead(sample, out var e) || e.Header.Slot >= MostSlots)
            return false;
        if (e.Header.Kind == EventKinds.CgroupMkdir)
            OnCgroupCreated(e.Header, Encoding.UTF8.GetString(e.Path));
        else
            OnCgroupRemoved(e.Header.CgroupId, e.Header.Slot);
        return true;
    }

    void OnCgroupCreated(in EventHeader header, string path)
    {
        var id = header.CgroupId;
        var wasThere = (header.Flags & EventFlagBits.Snapshot) != 0;
        if (wasThere && IsSettled(id))
            return;
        var slot = header.Slot == 0 && wasThere ? _side.Slots.Take() : header.Slot;
        if (!_resolver.OnCgroupCreated(id, slot, path) || !_resolver.TryGet(id, out var entry))
        {
            // Nobody's workload (a slice, a pod's directory), or no room for it, which the resolver counts.
            if (_ignored.Count < MostIgnored)
                _ignored.Add(id);
            _side.Slots.Unwatch(id);
            if (slot != 0)
                _side.Slots.Release(slot);
            return;
        }
        if (entry.CgroupId != id || (entry.Slot != 0 && entry.Slot != slot))
        {
            Nest(entry, id, slot);
            return;
        }
        entry.Slot = slot;
        if (wasThere)
        {
            _wasThereBefore.Add(id);
            Watch(id, slot);
        }
        Name(slot, entry);
    }

    /// <summary>Known from an earlier look, and watched.</summary>
    bool IsSettled(ulong id) => _ignored.Contains(id)
        || (_resolver.TryGet(id, out var known) && known.State != ContainerState.Dead && (known.CgroupId != id || known.Slot != 0));

    /// <summary>
    /// A cgroup below a container's own: what starts in it from now on has the container's slot. A process that started
    /// there before we heard of it has the cgroup's, which stays a second name of the container.
    /// </summary>
    void Nest(ContainerEntry entry, ulong id, uint slot)
    {
        if (entry.Slot != 0)
            Watch(id, entry.Slot);
        if (slot == 0)
            return;
        if (_aliases.Count(a => ReferenceEquals(a.Entry, entry)) >= MostAliases)
        {
            _side.Slots.Release(slot);
            return;
        }
        _aliases.Add((slot, entry));
        Name(slot, entry);
    }

    void Name(uint slot, ContainerEntry entry)
    {
        if (slot == 0)
            return;
        if (slot >= _bySlot.Length)
            Array.Resize(ref _bySlot, (int)Math.Max(slot + 1, _bySlot.Length * 2));
        _bySlot[slot] = entry;
        if (!entry.IsContainer)
            _side.Slots.MarkHost(slot);
    }

    void Watch(ulong id, uint slot)
    {
        if (slot != 0 && !_side.Slots.Watch(id, slot))
            _counters[Counter.CgroupsFull]++;
    }

    void OnCgroupRemoved(ulong id, uint slot)
    {
        if (_ignored.Remove(id))
            return;
        if (!_resolver.TryGet(id, out var entry))
        {
            // Its creation was never heard of (the sample was lost): nobody else will give its slot back.
            if (slot != 0 && _ignored.Count < MostIgnored)
                _side.Slots.Release(slot);
            return;
        }
        _resolver.OnCgroupRemoved(id);
        _side.Slots.Unwatch(id);
        _wasThereBefore.Remove(id);
        if (entry.CgroupId != id)
            return;
        _retiring.Add((entry, BootClock.BootNs));
        if (entry.State == ContainerState.Dead)
            Leave(entry);
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
            GiveBack(r.Entry.Slot, r.Entry);
            ForgetNames(r.Entry);
            foreach (var alias in _aliases)
                if (ReferenceEquals(alias.Entry, r.Entry))
                    GiveBack(alias.Slot, alias.Entry);
            _aliases.RemoveAll(a => ReferenceEquals(a.Entry, r.Entry));
            return true;
        });
    }

    void GiveBack(uint slot, ContainerEntry entry)
    {
        if (slot == 0 || slot >= (uint)_bySlot.Length || !ReferenceEquals(_bySlot[slot], entry))
            return;
        _bySlot[slot] = null;
        _side.Slots.Release(slot);
    }
}
