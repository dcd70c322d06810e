using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent;

/// <summary>
/// How often each behaviour of each container happened in the minute that runs: history's answer to "did it happen"
/// without a row per event. Bounded; drop policy: a new pair in a full minute is counted and left out. Loop thread only.
/// </summary>
sealed class ActivityTable(int capacity)
{
    readonly Dictionary<(uint Slot, ulong Behaviour), Entry> _entries = new(capacity);

    /// <summary>Pairs left out because the table was full, since start.</summary>
    public long Dropped { get; private set; }

    public int Count => _entries.Count;

    /// <summary>Counts one occurrence; true when it is the first of the minute, whose literal object the caller then notes.</summary>
    public bool CountOne(uint slot, ulong behaviour, long unixNs)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, (slot, behaviour));
        if (!System.Runtime.CompilerServices.Unsafe.IsNullRef(ref known))
        {
            known.Count++;
            known.LastUnixNs = unixNs;
            return false;
        }
        if (_entries.Count >= capacity)
        {
            Dropped++;
            return false;
        }
        _entries.Add((slot, behaviour), new Entry { Count = 1, FirstUnixNs = unixNs, LastUnixNs = unixNs });
        return true;
    }

    /// <summary>Keeps what the first occurrence of the minute looked like.</summary>
    public void Note(uint slot, ulong behaviour, Proto.Activity example)
    {
        ref var entry = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, (slot, behaviour));
        if (!System.Runtime.CompilerServices.Unsafe.IsNullRef(ref entry))
            entry.Example = example;
    }

    /// <summary>Ends the minute: hands out every row and empties the table.</summary>
    public void Flush(Action<Proto.Activity> row)
    {
        foreach (var entry in _entries.Values)
        {
            if (entry.Example is not { } activity)
                continue;
            activity.Count = entry.Count;
            activity.FirstUnixNs = entry.FirstUnixNs;
            activity.LastUnixNs = entry.LastUnixNs;
            row(activity);
        }
        _entries.Clear();
    }

    struct Entry
    {
        public ulong Count;
        public long FirstUnixNs;
        public long LastUnixNs;
        public Proto.Activity? Example;
    }
}
