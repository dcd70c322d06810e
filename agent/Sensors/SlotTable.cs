using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>
/// The slots map, shared memory with the kernel side: an epoch is one store, and reading losses costs no system call.
/// </summary>
sealed unsafe class SlotTable : IDisposable
{
    static readonly string[] Classes = ["process", "file-read", "file-write", "network", "privilege", "cgroup", "dns"];
    static readonly string[] Causes =
        ["ring_full", "rate", "tasks_full", "slots_full", "cgroups_full", "unseen", "busy", "compat"];
    readonly int _count;

    /// <summary>Most counters there can be.</summary>
    public const int MostLosses = 1024 * 7 * 8;
    readonly SharedMapping _memory;

    public SlotTable(int mapFd, int count)
    {
        _count = count;
        _memory = new SharedMapping(mapFd, count * sizeof(Slot));
    }

    public ref Slot this[uint slot]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, (uint)_count);
            return ref ((Slot*)_memory.Address)[slot];
        }
    }

    public int ReadLosses(Span<LossCounter> into)
    {
        int written = 0;
        var slots = (Slot*)_memory.Address;
        for (uint slot = 0; slot < _count; slot++)
        {
            for (int i = 0; i < Classes.Length * Causes.Length && written < into.Length; i++)
            {
                ulong count = Volatile.Read(ref Unsafe.Add(ref slots[slot].Loss, i));
                if (count != 0)
                    into[written++] = new LossCounter(slot, Classes[i / Causes.Length], Causes[i % Causes.Length], count);
            }
        }
        return written;
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>struct rg_slot; <see cref="Loss"/> is the first of its counters.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 16 + (7 * 8) + (7 * 8 * 8))]
    public struct Slot
    {
        public uint Epoch;
        public uint Generation;
        public uint Active;
        public uint Host;
        public fixed ulong Tat[7];
        public ulong Loss;
    }
}
