using System.Runtime.InteropServices;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>
/// The eBPF sensor: loads and attaches the kernel side, hands over its samples, and tells it what to watch. One thread,
/// except <see cref="Hooks"/>. Disposed, every hook is gone.
/// </summary>
sealed unsafe class BpfSensor : IDisposable
{
    const int Slots = 1024;
    const string Handler = "on_";
    readonly BpfObject _object;
    readonly List<BpfLinkHandle> _links = [];
    readonly BpfRing _vital;
    readonly BpfRing _bulk;
    readonly SlotTable _slots;
    readonly int _tasks;
    readonly int _cgroups;
    readonly int _free;

    BpfSensor(BpfObject loaded, BpfSensorOptions options)
    {
        _object = loaded;
        _tasks = loaded.MapFd("tasks");
        _cgroups = loaded.MapFd("cgroups");
        _free = loaded.MapFd("free_slots");
        _slots = new SlotTable(loaded.MapFd("slots"), Slots);
        _vital = new BpfRing(loaded.MapFd("vital"));
        _bulk = new BpfRing(loaded.MapFd("bulk"));
        RingBytes = 2ul * (options.VitalRingBytes + options.BulkRingBytes);
        for (uint slot = 1; slot < Slots; slot++)
            GiveBack(slot);
        Hooks = Attach();
    }

    public int VitalFd => _vital.Fd;

    public int BulkFd => _bulk.Fd;

    /// <summary>Bytes mapped for the rings; each is mapped twice.</summary>
    public ulong RingBytes { get; }

    /// <summary>For each kind of event: the hook that sees it, or why nothing does.</summary>
    public IReadOnlyList<HookStatus> Hooks { get; }

    /// <exception cref="SensorException">The kernel side cannot run here; the message says why and the remedy.</exception>
    public static BpfSensor Load(BpfSensorOptions options)
    {
        var loaded = BpfObject.Load(o =>
        {
            Check("bpf_map__set_max_entries(vital)",
                LibBpf.bpf_map__set_max_entries(o.Map("vital"), options.VitalRingBytes));
            Check("bpf_map__set_max_entries(bulk)", LibBpf.bpf_map__set_max_entries(o.Map("bulk"), options.BulkRingBytes));
        });
        try
        {
            return new BpfSensor(loaded, options);
        }
        catch (NativeException e)
        {
            loaded.Dispose();
            throw new SensorException(e.Message);
        }
    }

    /// <summary>Hands over waiting samples, at most one batch; returns how many.</summary>
    public int ConsumeVital(SampleHandler handler) => _vital.Consume(handler);

    public int ConsumeBulk(SampleHandler handler) => _bulk.Consume(handler);

    /// <summary>From its next exec on, what runs in the cgroup is watched in the slot. False when the table is full.</summary>
    public bool WatchCgroup(ulong cgroupId, uint slot)
    {
        var watch = stackalloc uint[2] { slot, _slots[slot].Generation };
        _slots[slot].Active = 1;
        return Taken("bpf_map_update_elem(cgroups)", LibBpf.bpf_map_update_elem(_cgroups, &cgroupId, watch, 0));
    }

    /// <summary>
    /// Watches a process that was there before us; its start may be rounded down to a clock tick, and it may serve already.
    /// False when the table is full.
    /// </summary>
    public bool WatchTask(int tgid, ulong startNs, uint slot, bool serves)
    {
        var task = new SeededTask
        {
            StartNs = startNs,
            Slot = slot,
            Generation = _slots[slot].Generation,
            Seeded = 1,
            Serves = serves ? 1u : 0u,
        };
        _slots[slot].Active = 1;
        return Taken("bpf_map_update_elem(tasks)", LibBpf.bpf_map_update_elem(_tasks, &tgid, &task, 0));
    }

    /// <summary>Says that what the slot watches is the host's: processes it starts in another watched cgroup are that one's.</summary>
    public void MarkHost(uint slot) => _slots[slot].Host = 1;

    public void UnwatchCgroup(ulong cgroupId)
    {
        int result = LibBpf.bpf_map_delete_elem(_cgroups, &cgroupId);
        if (result != -ErrorNumbers.NoEntry)
            Check("bpf_map_delete_elem(cgroups)", result);
    }

    /// <summary>Ends the watch of every task of the slot and lets it be taken again.</summary>
    public void ReleaseSlot(uint slot)
    {
        _slots[slot].Active = 0;
        _slots[slot].Host = 0;
        _slots[slot].Generation++;
        GiveBack(slot);
    }

    /// <summary>A slot of one's own, 0 when none is left.</summary>
    public uint TakeSlot()
    {
        uint slot = 0;
        return LibBpf.bpf_map_lookup_and_delete_elem(_free, null, &slot) == 0 ? slot : 0;
    }

    public void SetEpoch(uint slot, uint epoch) => _slots[slot].Epoch = epoch;

    /// <summary>Every counter that is not zero; returns how many fitted.</summary>
    public int ReadLosses(Span<LossCounter> into) => _slots.ReadLosses(into);

    public void Dispose()
    {
        foreach (var link in _links)
            link.Dispose();
        _vital.Dispose();
        _bulk.Dispose();
        _slots.Dispose();
        _object.Dispose();
    }

    void GiveBack(uint slot) =>
        Taken("bpf_map_update_elem(free_slots)", LibBpf.bpf_map_update_elem(_free, null, &slot, 0));

    /// <summary>System call handlers are reached by tail call, everything else is attached where its section says.</summary>
    List<HookStatus> Attach()
    {
        var seen = new Dictionary<string, string>();
        var blind = new Dictionary<string, string>(_object.Refused);
        int handlers = _object.MapFd("handlers");
        foreach (var (name, program) in _object.Programs())
        {
            if (blind.ContainsKey(name))
                continue;
            string section = Marshal.PtrToStringUTF8((nint)LibBpf.bpf_program__section_name(program)) ?? name;
            if (name.StartsWith(Handler, StringComparison.Ordinal))
            {
                // A handler that no system call reaches must not be attached: it would run for all of them.
                if (!HookTable.Calls.TryGetValue(name, out var numbers))
                {
                    blind[name] = "no system call is mapped to it";
                    continue;
                }
                int fd = LibBpf.bpf_program__fd(program);
                foreach (uint number in numbers)
                {
                    uint key = number;
                    Check("bpf_map_update_elem(handlers)", LibBpf.bpf_map_update_elem(handlers, &key, &fd, 0));
                }
                seen[name] = section;
                continue;
            }
            if (BpfAttachment.Try(program, section, out var link) is { } problem)
            {
                blind[name] = problem;
                continue;
            }
            _links.Add(link!);
            seen[name] = section;
        }
        if (KernelTypes.WhyNoOverlay() is { } reason)
            blind[HookTable.NotInImage] = reason;
        else if (seen.TryGetValue("sched_process_exec", out var exec))
            seen[HookTable.NotInImage] = exec;
        return HookTable.Describe(seen, blind);
    }

    static void Check(string function, int result)
    {
        if (result < 0)
            throw new NativeException(function, -result, "run preflight to see what this kernel offers");
    }

    static bool Taken(string function, int result)
    {
        if (result == -ErrorNumbers.TooBig)
            return false;
        Check(function, result);
        return true;
    }

    /// <summary>struct rg_task.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SeededTask
    {
        public ulong StartNs;
        public uint Slot;
        public uint Generation;
        public uint Seeded;
        public uint Serves;
    }
}
