using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>What one workload has been seen doing. One thread at a time; no clock: time comes in with the event.</summary>
public sealed partial class Baseline
{
    public const int BehaviourLimit = 4096;
    internal const int ContainerLimit = 256; // on this node; the one quiet longest goes, and is counted
    const int FewContainers = 32; // even where behaviours leave no memory for more
    internal const int JudgedLimit = 4096;
    internal const int LongestText = 240;

    /// <summary>Units of classes and versions, what was judged, the cache of raw events, slots that tables have free: when they are full.</summary>
    const long FixedBytes = 700 << 10;
    const long StatisticsAgeNs = 60_000_000_000;
    const long FixedLearningNs = 24 * ContainerUnits.HourNs;

    readonly ModelOptions _options;
    readonly Reduction _reduction;
    readonly ulong _seed;
    readonly KnownCache _cache = new();
    readonly Vocabulary _vocabulary;
    readonly Dictionary<string, ContainerUnits> _containers = [];
    readonly ClassStatistics _statistics = new();
    // (unit, behaviour, state): judged once; emptied when full, which may repeat an anomaly and is counted.
    readonly KeyTable<byte> _judged = new();
    readonly WorkloadUnits _units;
    readonly GreyZone _grey;
    Policy _policy = new();
    Overrides _overrides = new([]);
    RoleBook _roles = new([]);
    ContainerFacts? _lastFacts;
    ContainerUnits? _lastContainer;
    long _firstEventNs = long.MaxValue;
    readonly double[] _greyByScore = new double[GreyScore.Bins];
    double _lambdaPerDay = 1; // grey events expected per container-day
    long _statisticsNs = long.MinValue;
    long _statisticsVersion = -1;
    bool _statisticsStale = true;
    long _judgedEvicted, _evidenceRefused, _containersEvicted;

    /// <param name="options">What an evaluation switches off; null in production.</param>
    /// <exception cref="ArgumentException">Options this version does not obey.</exception>
    public Baseline(WorkloadKey workload, ModelOptions? options = null)
        : this(workload, new Reduction(), new BehaviourBudget(BehaviourLimit), default, options)
    {
    }

    internal Baseline(WorkloadKey workload, BaselineOrigin origin, ModelOptions? options)
        : this(workload, new Reduction(), new BehaviourBudget(BehaviourLimit), origin, options)
    {
    }

    internal Baseline(WorkloadKey workload, Reduction reduction, BehaviourBudget budget, BaselineOrigin origin, ModelOptions? options = null)
    {
        _seed = origin.Seed;
        Workload = workload;
        _reduction = reduction;
        _options = (options ?? ModelOptions.Default).Checked();
        _vocabulary = new Vocabulary(budget, _cache, _options.NoGeneralisation);
        _units = new WorkloadUnits(origin.Source);
        _grey = new GreyZone(_options.FixedHalfLife);
    }

    public WorkloadKey Workload { get; }

    public int Behaviours => _vocabulary.Count;

    /// <summary>How full its tables are, for tests of their bounds.</summary>
    internal (int Children, int Judged, int Containers, long Bytes) Tables =>
        (_vocabulary.Names.Children, _judged.Count, _containers.Count, _vocabulary.Bytes);

    /// <summary>Time of the latest event, on the model's clock.</summary>
    public long LastEventNs { get; private set; }

    /// <summary>The policy in force; the caller must not change it.</summary>
    public Policy Policy => _policy;

    /// <summary>Everything this baseline could not keep, since it was made.</summary>
    public BaselineCounters Counters =>
        new(_vocabulary.Evicted, _vocabulary.Refused, _judgedEvicted, _vocabulary.Names.Refused, _evidenceRefused, _containersEvicted + _grey.Evicted);

    /// <summary>Reduces the event to behaviours and learns or judges them by the state in force.</summary>
    public Verdict Observe(in ContainerEvent e)
    {
        if ((e.Flags & EventFlags.Unverified) != 0 && !(NormalPath.Is(e.Path) && NormalPath.Is(e.Path2)))
            return ObserveNormal(e);
        if (e.Kind == EventKind.Open && !SensitivePaths.IsSensitiveRead(e.Path, e.Container))
            return new Verdict(VerdictKind.Ignored, 0, null);
        if (e.Kind is EventKind.Exit or EventKind.Fork or EventKind.Unspecified)
            return new Verdict(VerdictKind.Ignored, 0, null);
        var timeNs = Math.Max(e.TimeNs, 0);
        LastEventNs = Math.Max(LastEventNs, timeNs);
        var unit = Enter(e.Container, timeNs);
        // Of this unit: the first of a behaviour in a unit is looked at whole, as it may be new in its phase, hour or role, and
        // what this container did says nothing of another's.
        var raw = KeyHash.Mix(RawKey(e), unit.Hash);
        if (_cache.TryGet(raw, out var one, out var many))
        {
            if (one is not null)
                Again(one, unit, timeNs);
            else
                foreach (var known in many!)
                    Again(known, unit, timeNs);
            return Counted(e, one ?? many![0], ((one ?? many![0]).Class, true), timeNs);
        }
        _reduction.Reduce(e, _vocabulary.Names, _vocabulary.KnownLevels);
        if (_reduction.Count == 0)
            return new Verdict(VerdictKind.Ignored, 0, null);
        var verdict = Judge(e, unit, timeNs, raw);
        // What is learned or pending counts too: a volume does not depend on who saw it first. A scan is many peers, each of
        // them new and none of them alarming by itself.
        if (verdict.Kind == VerdictKind.Anomalous || !(_vocabulary.TryGet(_reduction[0].Levels[0], out var usual)
            || _vocabulary.TryGet(verdict.Behaviour, out usual)))
            return verdict;
        return Counted(e, usual, (_reduction[0].Class, verdict.Kind == VerdictKind.Known), timeNs) is { Kind: VerdictKind.Anomalous } tooMuch ? tooMuch : verdict;
    }

    /// <summary>A name that is a caller's own words may go round about ("/etc/./x"): rules and patterns see where it leads.</summary>
    Verdict ObserveNormal(in ContainerEvent e)
    {
        Span<byte> path = stackalloc byte[NormalPath.Longest];
        Span<byte> path2 = stackalloc byte[NormalPath.Longest];
        return Observe(e with { Path = NormalPath.Write(e.Path, path), Path2 = NormalPath.Write(e.Path2, path2) });
    }

    /// <summary>Class, actor and object of a behaviour this baseline has returned from Observe.</summary>
    public bool TryDescribe(ulong behaviour, out BehaviourClass behaviourClass, out string actor, out string target)
    {
        if (_vocabulary.TryGet(behaviour, out var found))
        {
            (behaviourClass, actor, target) = (found.Class, found.Actor, found.Object);
            return true;
        }
        (behaviourClass, actor, target) = (default, "", "");
        return false;
    }

    /// <summary>Counts the container-hours that ended before now, quiet ones included. To be called every model-hour or oftener.</summary>
    public void Advance(long nowNs)
    {
        foreach (var container in _containers.Values)
            container.Complete(nowNs, _units);
    }

    /// <summary>Nobody watched until now: what went by is no evidence of absence.</summary>
    public void Skip(long nowNs)
    {
        foreach (var container in _containers.Values)
            container.Skip(nowNs);
    }

    /// <summary>Events of the class (of every class when unspecified) of this container were lost: its unit is not evidence.</summary>
    public void Lost(ContainerFacts container, BehaviourClass behaviourClass, long nowNs)
    {
        ContainerOf(container, nowNs).Complete(nowNs, _units);
        _lastContainer!.Void(behaviourClass, nowNs);
    }

    /// <summary>The container is gone: its last complete unit counts, and a job's run.</summary>
    public void Ended(ContainerFacts container, long nowNs)
    {
        if (!_containers.Remove(container.Id, out var ended))
            return;
        ended.End(nowNs, _units);
        (_lastFacts, _lastContainer) = (null, null);
    }

    ContainerUnit Enter(ContainerFacts facts, long timeNs)
    {
        var container = ContainerOf(facts, timeNs);
        container.Complete(timeNs, _units);
        return container.Enter(timeNs);
    }

    ContainerUnits ContainerOf(ContainerFacts facts, long timeNs)
    {
        if (ReferenceEquals(facts, _lastFacts))
            return _lastContainer!;
        if (!_containers.TryGetValue(facts.Id, out var container))
        {
            if (_containers.Count >= ContainerLimit || (_containers.Count >= FewContainers && _vocabulary.IsFull))
            {
                _containers.Remove(_containers.MinBy(c => c.Value.LastEventNs).Key);
                _containersEvicted++;
            }
            _containers.Add(facts.Id, container = new ContainerUnits(facts, timeNs));
            Account();
            _units.SeeVersion(container.Version, container.VersionHash, timeNs);
            _firstEventNs = Math.Min(_firstEventNs, timeNs);
        }
        (_lastFacts, _lastContainer) = (facts, container);
        return container;
    }

    ulong RawKey(in ContainerEvent e)
    {
        var raw = KeyHash.Mix(KeyHash.Mix(_seed, ((ulong)e.Kind << 32) | (uint)e.Flags), e.Actor.Hash);
        raw = KeyHash.Mix(raw, ((ulong)e.Mode << 32) | ((uint)e.Port << 8) | e.Protocol);
        raw = KeyHash.Of(raw, e.Path);
        if (!e.Path2.IsEmpty)
            raw = KeyHash.Of(raw, e.Path2);
        if (!e.Arguments.IsEmpty)
            raw = KeyHash.Of(raw, e.Arguments);
        if (!e.Name.IsEmpty)
            raw = KeyHash.Of(raw, e.Name);
        return e.Peer.IsEmpty ? raw : KeyHash.Of(raw, e.Peer);
    }

    /// <summary>Once more in a unit: no evidence changes within an hour.</summary>
    void Again(Behaviour behaviour, in ContainerUnit unit, long timeNs)
    {
        if (timeNs - behaviour.LastSeenNs >= ContainerUnits.HourNs)
            Touch(behaviour, unit, timeNs);
    }

    void Touch(Behaviour behaviour, in ContainerUnit unit, long timeNs)
    {
        // Of every container that does it, also where the behaviour's own sketches are full.
        if (!behaviour.IsIn(unit) && RoleBook.FeatureOf(behaviour.Class, behaviour.Levels) is not 0 and var feature
            && _lastContainer!.Features.Add(feature))
            (_lastContainer.FeaturesAt, _lastContainer.FeaturesNs) = (_units.Revision, Math.Max(_lastContainer.FeaturesNs, timeNs));
        if (!behaviour.Touch(unit, timeNs))
            return;
        behaviour.ChangedAt = _units.Revision;
        _statisticsStale = true;
        if (behaviour.Learned && behaviour.Units.Count <= 2)
            _vocabulary.Learned(behaviour, _units.Revision); // from the third unit on its names are not seen once any more
    }

    /// <summary>Tells the vocabulary what the other tables may take, so that all of them stay below one bound.</summary>
    void Account() => _vocabulary.Elsewhere = (_containers.Count * ContainerUnits.MostBytes) + _units.Rates.Bytes + FixedBytes;

    /// <summary>No longer part of its set: gives its share of the budget back.</summary>
    internal void Retire() => _vocabulary.Clear();
}
