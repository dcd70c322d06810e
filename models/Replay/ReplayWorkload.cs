using RuntimeGuard.Proto;

namespace RuntimeGuard.Models.Replay;

/// <summary>One workload in a replay: its baselines (one, or one per node while nodes learn apart) and how far they are.</summary>
sealed class ReplayWorkload(WorkloadKey key, ModelOptions options, bool nodesApart)
{
    const double CheckGrowth = 1.04; // the resolution of the learning time, as a share of it

    readonly SortedDictionary<string, Baseline> _nodes = new(StringComparer.Ordinal);
    readonly Dictionary<BehaviourClass, double> _operationalHours = [];
    readonly EvidenceReview _review = new();
    Baseline? _merged;
    Evidence? _features; // of the merged nodes' containers: no baseline takes another's, for roles are found above them
    long _firstNs = long.MaxValue;
    long _nextCheckNs;

    public WorkloadKey Key => key;

    /// <summary>Hours until each class was bounded; classes that never were are missing.</summary>
    public IReadOnlyDictionary<BehaviourClass, double> OperationalHours => _operationalHours;

    public IEnumerable<Baseline> Baselines => _merged is null ? _nodes.Values : [_merged];

    public Baseline BaselineOf(string node, long nowNs)
    {
        _firstNs = Math.Min(_firstNs, nowNs);
        if (_merged is not null)
            return _merged;
        node = nodesApart ? node : "";
        if (!_nodes.TryGetValue(node, out var baseline))
            _nodes.Add(node, baseline = new Baseline(key, new BaselineOrigin(0, KeyHash.Of(node)), options));
        return baseline;
    }

    /// <summary>From now on one baseline of what all nodes learned, merged in an order that the seed shuffles.</summary>
    public void Merge(ulong seed)
    {
        var shuffled = _nodes.OrderBy(entry => KeyHash.Mix(seed, KeyHash.Of(entry.Key))).Select(entry => entry.Value);
        Evidence? all = null;
        foreach (var baseline in shuffled)
        {
            var evidence = baseline.Snapshot().Evidence;
            all = all is null ? evidence : EvidenceMerge.Merge(all, evidence);
        }
        var merged = new Baseline(key, options);
        if (all is not null)
        {
            merged.Apply(new Model { Workload = all.Workload.Clone(), Evidence = all });
            _features = new Evidence { Workload = all.Workload, Format = all.Format, Features = { all.Features } };
        }
        _merged = merged;
        _nodes.Clear();
    }

    /// <summary>Nothing is learned from now on.</summary>
    public void Lock()
    {
        foreach (var baseline in Baselines)
            baseline.Apply(new Model
            {
                Policy = new Policy { Version = baseline.Policy.Version + 1, Mode = LearningMode.LockedByTime },
            });
    }

    /// <summary>In the collector's place: obeys what the evidence of all nodes decides. Every model-hour.</summary>
    public void Review(IReadOnlyCollection<string> live, long nowNs)
    {
        if (options.SetMembership || options.Fixed24Hours || !Baselines.Any())
            return; // they know no states
        var evidence = Merged();
        var policy = Baselines.First().Policy;
        _review.Read(evidence);
        var decided = _review.Decide(policy, evidence, nowNs);
        var absorbed = EvidenceReview.Absorb(evidence, decided, [.. live.Select(id => new LiveReplica(id, []))], nowNs);
        if (ReferenceEquals(decided, policy) && absorbed is null)
            return;
        foreach (var baseline in Baselines)
            baseline.Apply(new Model { Workload = evidence.Workload, Policy = decided, Evidence = absorbed });
    }

    Evidence Merged()
    {
        var all = _features;
        foreach (var baseline in Baselines)
        {
            var evidence = baseline.Snapshot().Evidence;
            all = all is null ? evidence : EvidenceMerge.Merge(all, evidence);
        }
        return all ?? new Evidence { Workload = new Workload { Namespace = key.Namespace, Image = key.Image } };
    }

    /// <summary>All evidence in its one order, whatever order it came in.</summary>
    public Evidence Evidence()
    {
        var all = Merged();
        all = EvidenceMerge.Merge(all, all);
        all.Revision = 0;
        // Every node counts for itself: sums are the same however the events were shared out, their parts are not.
        all.Rates.Clear();
        return all;
    }

    /// <summary>Every model-hour: counts quiet hours, and notes which classes became bounded.</summary>
    public void Advance(long nowNs)
    {
        foreach (var baseline in Baselines)
            baseline.Advance(nowNs);
        if (nowNs < _nextCheckNs || _firstNs == long.MaxValue || _operationalHours.Count == Marks.All.Length)
            return;
        var hours = (nowNs - _firstNs) / (double)ContainerUnits.HourNs;
        _nextCheckNs = nowNs + (long)(hours * (CheckGrowth - 1) * ContainerUnits.HourNs);
        var operational = LearningStates.NameOf(LearningState.Operational);
        foreach (var progress in LearningProgress.Of(Merged(), new Policy(), nowNs).Classes)
            if (progress.State == operational)
                _operationalHours.TryAdd(progress.Class, hours);
    }
}
