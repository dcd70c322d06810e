namespace RuntimeGuard.Models;

/// <summary>
/// All baselines of a node below one hard bound. One thread at a time. At the bound of baselines the one that saw an event
/// longest ago goes, and the collector has its evidence but for what changed since the last acknowledgement; at the bound
/// of behaviours a baseline drops or refuses its own, counted there.
/// </summary>
public sealed class BaselineSet
{
    public const long DefaultBytes = 256 << 20;

    /// <summary>What a baseline takes before its first behaviour when its other tables are full.</summary>
    const long BytesPerBaseline = 192 << 10;

    /// <summary>A behaviour with its texts, its share of the trie and of the level keys.</summary>
    internal const long BytesPerBehaviour = 1 << 10;

    readonly Dictionary<WorkloadKey, Baseline> _baselines = [];
    readonly Reduction _reduction = new();
    readonly HashSet<WorkloadKey> _pinned = [];
    readonly BehaviourBudget _budget;
    readonly BaselineOrigin _origin;
    readonly int _most;

    /// <param name="maxBytes">Bound of all baselines together: half for the baselines, half for their behaviours.</param>
    /// <param name="seed">
    /// Of the caches of raw events. Random and secret where events come from others: who knows it could make an event that
    /// passes for a known one.
    /// </param>
    /// <param name="source">Names this node in counters that each node keeps for itself; the same after a restart.</param>
    public BaselineSet(long maxBytes = DefaultBytes, ulong seed = 0, ulong source = 0)
    {
        _origin = new BaselineOrigin(seed, source);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 2 * Baseline.BehaviourLimit * BytesPerBehaviour);
        _most = (int)Math.Min(maxBytes / 2 / BytesPerBaseline, 1 << 20);
        _budget = new BehaviourBudget((int)Math.Min(maxBytes / 2 / BytesPerBehaviour, int.MaxValue));
    }

    public int Count => _baselines.Count;

    public int Behaviours => _budget.Used;

    /// <summary>Baselines dropped for others.</summary>
    public long Evicted { get; private set; }

    public IEnumerable<Baseline> All => _baselines.Values;

    /// <summary>The workload's baseline, made when there is none.</summary>
    public Baseline GetOrAdd(WorkloadKey workload)
    {
        if (_baselines.TryGetValue(workload, out var known))
            return known;
        if (_baselines.Count >= _most)
        {
            // One that runs here is never taken from under its containers; where all do, the bound gives way by one.
            var oldest = _baselines.Values.Where(b => !_pinned.Contains(b.Workload)).MinBy(b => b.LastEventNs);
            if (oldest is not null)
            {
                _baselines.Remove(oldest.Workload);
                oldest.Retire();
                Evicted++;
            }
        }
        var made = new Baseline(workload, _reduction, _budget, _origin);
        _baselines.Add(workload, made);
        return made;
    }

    /// <summary>Keeps the workload's baseline as long as it runs here.</summary>
    public void Pin(WorkloadKey workload) => _pinned.Add(workload);

    public void Unpin(WorkloadKey workload) => _pinned.Remove(workload);

    public bool TryGet(WorkloadKey workload, out Baseline? baseline) => _baselines.TryGetValue(workload, out baseline);

    /// <summary>See <see cref="Baseline.Advance"/>.</summary>
    public void Advance(long nowNs)
    {
        foreach (var baseline in _baselines.Values)
            baseline.Advance(nowNs);
    }

    /// <summary>See <see cref="Baseline.Skip"/>.</summary>
    public void Skip(long nowNs)
    {
        foreach (var baseline in _baselines.Values)
            baseline.Skip(nowNs);
    }
}

/// <summary>Behaviours that all baselines of a node may hold together.</summary>
sealed class BehaviourBudget(int most)
{
    public int Used { get; private set; }

    public bool IsSpent => Used >= most;

    public void Take(int count) => Used += count;
}

/// <summary>What makes a baseline this node's own.</summary>
/// <param name="Seed">Of its cache of raw events, random and secret.</param>
/// <param name="Source">Of its counters.</param>
readonly record struct BaselineOrigin(ulong Seed, ulong Source);
