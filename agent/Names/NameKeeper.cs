namespace RuntimeGuard.Agent.Names;

/// <summary>
/// Which containers' names are on disk and which are to be written, so that a container that resolved once is not a stranger
/// to a restarted agent. Loop thread only, but for <see cref="Save"/>, which a task calls, one at a time.
/// </summary>
sealed class NameKeeper(NameStore store, NameBudget budget)
{
    /// <summary>Names of a container that nobody has told of again so long after the start are given up.</summary>
    public const ulong ClaimNs = 600 * Second;

    /// <summary>Use renews a name; the renewed end is written this often, so it is at most this much early after a kill.</summary>
    public const ulong RenewalNs = 60 * Second;

    /// <summary>
    /// Names that one write per second may hold: a new name is written at once in a quiet container, while one that floods
    /// its table with names has it written every 32 seconds.
    /// </summary>
    const int NamesPerSecond = 32;

    /// <summary>Files of gone containers to delete; of more than this at once the next start does.</summary>
    const int MostEnded = 4096;

    const ulong Second = 1_000_000_000;

    readonly Dictionary<string, NameTable> _unclaimed = [];
    readonly Dictionary<string, Followed> _followed = [];  // as many as there are containers
    readonly HashSet<string> _ended = [];
    ulong _claimUntilNs;

    public NameBudget Budget => budget;

    /// <summary>Files refused since start because they were damaged or of another format.</summary>
    public int Refused => store.Refused;

    /// <summary>Reads what the agent before this one kept. Before the loop begins.</summary>
    /// <exception cref="IOException">The file system refused to be tidied; what could be read is there.</exception>
    public void Load(ulong nowNs)
    {
        _claimUntilNs = nowNs + ClaimNs;
        var living = store.LoadAll(nowNs, out var ended);
        foreach (var kept in living)
        {
            var names = new NameTable(budget);
            foreach (var name in kept.Names)
                names.Restore(name, nowNs);
            _unclaimed[kept.ContainerId] = names;
        }
        ended.ForEach(End);
        store.Tidy();
    }

    /// <summary>
    /// The container is here: it gets the names it had, and what it learns is kept. Also for one that is told of again, as
    /// by a runtime that answered late.
    /// </summary>
    public void Follow(string containerId, ContainerNames names, ulong nowNs)
    {
        if (_unclaimed.Remove(containerId, out var kept))
        {
            var living = kept.Living(nowNs);
            kept.Dispose();
            names.Restore(living, nowNs);
        }
        var change = NameChange.None;
        if (_followed.TryGetValue(containerId, out var before))
        {
            change = before.Names.Change;
            var living = before.Names.Living(nowNs);
            before.Names.Dispose();
            names.Restore(living, nowNs);
        }
        names.Change = change;
        _followed[containerId] = new Followed(names, before.SavedNs);
    }

    /// <summary>The container is gone, and no process of it is left.</summary>
    public void Forget(string containerId, ContainerNames names)
    {
        names.Dispose();
        // A container that was started again under its id is followed by other names.
        if (!_followed.TryGetValue(containerId, out var followed) || followed.Names != names)
            return;
        _followed.Remove(containerId);
        End(containerId);
    }

    /// <summary>What is to be written now; the arrays in it are not changed any more. The regular tick of all names.</summary>
    /// <param name="all">Whatever changed, however little: the agent stops.</param>
    public List<KeptNames> TakeChanged(ulong nowNs, bool all = false)
    {
        GiveUpUnclaimed(nowNs);
        budget.Tick(nowNs);
        List<KeptNames> changed = [.. _ended.Select(id => new KeptNames(id, []))];
        _ended.Clear();
        foreach (var (id, followed) in _followed)
        {
            var names = followed.Names;
            if (names.Change == NameChange.None || (!all && nowNs - followed.SavedNs < Interval(names)))
                continue;
            changed.Add(new KeptNames(id, names.Living(nowNs)));
            names.Change = NameChange.None;
            _followed[id] = followed with { SavedNs = nowNs };
        }
        return changed;
    }

    /// <summary>Off the loop.</summary>
    public void Save(List<KeptNames> changed)
    {
        foreach (var kept in changed)
            store.Save(kept);
    }

    /// <summary>The last write failed: all of it is written again.</summary>
    public void MarkAll()
    {
        foreach (var followed in _followed.Values)
            if (followed.Names.Count > 0)
                followed.Names.Change = NameChange.Named;
    }

    static ulong Interval(ContainerNames names) =>
        names.Change == NameChange.Renewed ? RenewalNs : (ulong)names.Count * Second / NamesPerSecond;

    void GiveUpUnclaimed(ulong nowNs)
    {
        if (_unclaimed.Count == 0 || nowNs < _claimUntilNs)
            return;
        foreach (var (id, names) in _unclaimed)
        {
            names.Dispose();
            End(id);
        }
        _unclaimed.Clear();
    }

    void End(string containerId)
    {
        if (_ended.Count < MostEnded)
            _ended.Add(containerId);
    }

    /// <param name="SavedNs">When its names were last taken to be written; 0: never.</param>
    readonly record struct Followed(ContainerNames Names, ulong SavedNs);
}
