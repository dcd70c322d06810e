using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent.Names;

/// <summary>What became of a table since it was last written; the higher is the more urgent.</summary>
enum NameChange
{
    None,
    /// <summary>Names it had live longer.</summary>
    Renewed,
    /// <summary>An address has another name than before.</summary>
    Named,
}

/// <summary>
/// What one container's addresses are called, by the answers it got: address to the name it asked for, while the answer
/// lives. Bounded; drop policy: the entry that ends first makes room. Loop thread only.
/// </summary>
sealed class NameTable(NameBudget budget) : IDisposable
{
    /// <summary>Addresses of one container.</summary>
    public const int Capacity = 1024;

    /// <summary>
    /// An answer counts for at least this: programs hold on to addresses longer than they may, and a connection begins some
    /// time after its answer. A name that is used counts for this from its use on.
    /// </summary>
    public const ulong ShortestNs = 600 * Second;

    /// <summary>And for at most this without being used or answered anew.</summary>
    public const ulong LongestNs = 86_400 * Second;

    const ulong Second = 1_000_000_000;

    readonly Dictionary<UInt128, Entry> _entries = [];

    public int Count => _entries.Count;

    /// <summary>Since whoever keeps the names last set it back.</summary>
    public NameChange Change { get; set; }

    /// <summary>The latest answer names an address. Allocates only where the name is another one than before.</summary>
    public void Put(UInt128 address, ReadOnlySpan<byte> name, uint ttlSeconds, ulong nowNs)
    {
        var until = nowNs + Math.Clamp(ttlSeconds * Second, ShortestNs, LongestNs);
        ref var known = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, address);
        if (!System.Runtime.CompilerServices.Unsafe.IsNullRef(ref known))
        {
            if (!known.Name.AsSpan().SequenceEqual(name))
            {
                known.Name = name.ToArray();
                Change = NameChange.Named;
            }
            // The file has an end that this one has passed: as good as new.
            else if (known.UntilNs < nowNs)
            {
                Change = NameChange.Named;
            }
            known.UntilNs = Math.Max(until, nowNs + ShortestNs);
            Renewed();
            return;
        }
        if (_entries.Count >= Capacity || !budget.TryTake(this, nowNs))
        {
            // One that another container holds cannot make room here.
            if (_entries.Count == 0)
            {
                budget.Evicted++;
                return;
            }
            DropFirstToEnd(nowNs);
        }
        _entries.Add(address, new Entry { Name = name.ToArray(), UntilNs = until });
        Change = NameChange.Named;
    }

    /// <summary>Takes a name from before a restart, to the end it had; dropped when it has ended, counted when there is no room.</summary>
    public void Restore(in KeptName kept, ulong nowNs)
    {
        if (kept.UntilNs < nowNs || _entries.ContainsKey(kept.Address))
            return;
        if (_entries.Count >= Capacity || !budget.TryTake(this, nowNs))
        {
            budget.Evicted++;
            return;
        }
        _entries.Add(kept.Address, new Entry { Name = kept.Name, UntilNs = Math.Min(kept.UntilNs, nowNs + LongestNs) });
    }

    /// <summary>Every name that has not ended.</summary>
    public IReadOnlyList<KeptName> Living(ulong nowNs)
    {
        var living = new List<KeptName>(_entries.Count);
        foreach (var (address, entry) in _entries)
            if (entry.UntilNs >= nowNs)
                living.Add(new KeptName(address, entry.Name, entry.UntilNs));
        return living;
    }

    /// <summary>Hot path: one look-up, no allocation. The span is valid until the next Put.</summary>
    public bool TryGet(UInt128 address, ulong nowNs, out ReadOnlySpan<byte> name)
    {
        name = default;
        ref var known = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, address);
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref known) || known.UntilNs < nowNs)
            return false;
        if (known.UntilNs < nowNs + ShortestNs)
        {
            known.UntilNs = nowNs + ShortestNs;
            Renewed();
        }
        name = known.Name;
        return true;
    }

    /// <summary>Gives what has ended back to the budget; that is no loss.</summary>
    public void DropEnded(ulong nowNs)
    {
        var before = _entries.Count;
        foreach (var (address, entry) in _entries)
            if (entry.UntilNs < nowNs)
                _entries.Remove(address);
        budget.GiveBack(before - _entries.Count);
    }

    /// <summary>Gives every entry back to the budget.</summary>
    public void Dispose()
    {
        budget.GiveBack(_entries.Count);
        _entries.Clear();
    }

    void Renewed()
    {
        if (Change == NameChange.None)
            Change = NameChange.Renewed;
    }

    void DropFirstToEnd(ulong nowNs)
    {
        var (first, end) = (default(UInt128), ulong.MaxValue);
        foreach (var (address, entry) in _entries)
            if (entry.UntilNs < end)
                (first, end) = (address, entry.UntilNs);
        _entries.Remove(first);
        if (end >= nowNs)
            budget.Evicted++;
    }

    struct Entry
    {
        public byte[] Name;
        public ulong UntilNs;
    }
}
