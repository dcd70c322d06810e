namespace RuntimeGuard.Agent.Names;

/// <summary>
/// How many names all containers of this node may hold together. Names that have ended come back to it every minute, and
/// before anything is refused. Loop thread only.
/// </summary>
sealed class NameBudget(int most)
{
    /// <summary>Addresses with a name, of all containers; an entry takes about 200 bytes with its name.</summary>
    public const int Most = 65536;

    /// <summary>Ended names are looked for this often: a look walks all names, 0.5 ms of the loop when there are <see cref="Most"/>.</summary>
    public const ulong SweepNs = 60 * Second;

    /// <summary>And at most this often because something would be refused: a flood at a full budget is not one of walks.</summary>
    const ulong RefusedSweepNs = Second;

    const ulong Second = 1_000_000_000;

    readonly HashSet<NameTable> _tables = [];  // those that hold names, or did at the last sweep: one for each container
    int _used;
    ulong _sweepAtNs, _refusedSweepAtNs;

    /// <summary>Names given up because a table was full, since start.</summary>
    public long Evicted { get; set; }

    /// <summary>One more name for the table; false when living names fill the budget.</summary>
    public bool TryTake(NameTable table, ulong nowNs)
    {
        if (_used >= most && nowNs >= _refusedSweepAtNs)
        {
            _refusedSweepAtNs = nowNs + RefusedSweepNs;
            Sweep(nowNs);
        }
        if (_used >= most)
            return false;
        _used++;
        _tables.Add(table);
        return true;
    }

    public void GiveBack(int count) => _used -= count;

    /// <summary>Takes back what has ended, when a sweep is due.</summary>
    public void Tick(ulong nowNs)
    {
        if (nowNs < _sweepAtNs)
            return;
        _sweepAtNs = nowNs + SweepNs;
        Sweep(nowNs);
    }

    void Sweep(ulong nowNs)
    {
        foreach (var table in _tables)
            table.DropEnded(nowNs);
        _tables.RemoveWhere(table => table.Count == 0);
    }
}
