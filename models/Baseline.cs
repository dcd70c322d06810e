using System.Text;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>What one workload has been seen doing. One thread at a time; no clock: time comes in with the event.</summary>
public sealed partial class Baseline
{
    public const int BehaviourLimit = 4096;
    const int ContainerLimit = 512;
    const int JudgedLimit = 4096;
    internal const int LongestText = 240;
    const long StatisticsAgeNs = 60_000_000_000;
    const long FixedLearningNs = 24 * ContainerUnits.HourNs;

    readonly ModelOptions _options;
    readonly Reduction _reduction;
    readonly ulong _seed;
    readonly BehaviourBudget _budget;
    readonly Generaliser _generaliser = new();
    readonly Dictionary<ulong, Behaviour> _behaviours = [];
    readonly HashSet<ulong> _knownLevels = [];
    readonly KnownCache _cache = new();
    readonly Dictionary<string, ContainerUnits> _containers = [];
    readonly ClassStatistics _statistics = new();
    // (unit, behaviour, state): judged once; emptied when full, which may repeat an anomaly and is counted.
    readonly HashSet<ulong> _judged = [];
    readonly byte[] _text = new byte[4 * LongestText];
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
    long _behavioursEvicted, _behavioursRefused, _judgedEvicted, _evidenceRefused;

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
        _budget = budget;
        _options = (options ?? ModelOptions.Default).Checked();
        _units = new WorkloadUnits(origin.Source);
        _grey = new GreyZone(_options.FixedHalfLife);
    }

    public WorkloadKey Workload { get; }

    public int Behaviours => _behaviours.Count;

    /// <summary>Time of the latest event, on the model's clock.</summary>
    public long LastEventNs { get; private set; }

    /// <summary>The policy in force; the caller must not change it.</summary>
    public Policy Policy => _policy;

    /// <summary>Everything this baseline could not keep, since it was made.</summary>
    public BaselineCounters Counters =>
        new(_behavioursEvicted, _behavioursRefused, _judgedEvicted, _generaliser.Refused, _evidenceRefused);

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
        var raw = RawKey(e);
        // The first of a behaviour in a unit is looked at whole: it may be new in its phase, hour or role.
        if (_cache.TryGet(raw, out var one, out var many) && (one?.IsIn(unit) ?? AreIn(many!, unit)))
        {
            if (one is not null)
                Touch(one, unit, timeNs);
            else
                foreach (var known in many!)
                    Touch(known, unit, timeNs);
            return Counted(e, one ?? many![0], timeNs);
        }
        _reduction.Reduce(e, _generaliser, _knownLevels);
        if (_reduction.Count == 0)
            return new Verdict(VerdictKind.Ignored, 0, null);
        var verdict = Judge(e, unit, timeNs, raw);
        if (verdict.Kind == VerdictKind.Anomalous || !_behaviours.TryGetValue(verdict.Behaviour, out var usual))
            return verdict;
        // A scan is many peers, each of them new and none of them alarming by itself.
        return verdict.Kind == VerdictKind.Known ? Counted(e, usual, timeNs) : FanOutOf(e, usual, timeNs) ?? verdict;
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
        if (_behaviours.TryGetValue(behaviour, out var found))
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

    /// <summary>
    /// The state of the class that is furthest behind: learning while any class is, else what the first class is that people
    /// decided of.
    /// </summary>
    public LearningState StateAt(long nowNs)
    {
        var worst = LearningState.Operational;
        foreach (var marks in Marks.All)
        {
            var state = StateOf(marks.Class, nowNs);
            if (state == LearningState.Learning)
                return state;
            if (state != LearningState.Operational && worst == LearningState.Operational)
                worst = state;
        }
        return worst;
    }

    /// <summary>The state of a class at a time, also when the collector is away: learning ends by the model's clock.</summary>
    public LearningState StateOf(BehaviourClass behaviourClass, long nowNs)
    {
        if (LearningStates.Decided(_policy, behaviourClass, nowNs) is { } decided)
            return decided;
        if (_options.Fixed24Hours)
            return nowNs - _firstEventNs < FixedLearningNs ? LearningState.Learning : LearningState.LockedByTime;
        if (_options.SetMembership)
            return LearningState.Learning;
        Refresh(nowNs);
        return _statistics.UpperBound(behaviourClass) * _statistics.UnitsPerDay(behaviourClass) > Marks.Of(behaviourClass).Beta
            ? LearningState.Learning
            : LearningState.Operational;
    }

    static bool AreIn(Behaviour[] behaviours, in ContainerUnit unit)
    {
        foreach (var behaviour in behaviours)
            if (!behaviour.IsIn(unit))
                return false;
        return true;
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
            if (_containers.Count >= ContainerLimit)
                _containers.Remove(_containers.MinBy(c => c.Value.LastEventNs).Key);
            _containers.Add(facts.Id, container = new ContainerUnits(facts, timeNs));
            _units.SeeVersion(container.Version, container.VersionHash, timeNs);
            _firstEventNs = Math.Min(_firstEventNs, timeNs);
            foreach (var mount in facts.SecretMountBytes)
                _generaliser.Protect(mount);
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

    void Touch(Behaviour behaviour, in ContainerUnit unit, long timeNs)
    {
        // Of every container that does it, also where the behaviour's own sketches are full.
        if (!behaviour.IsIn(unit) && RoleBook.FeatureOf(behaviour.Class, behaviour.Levels) is not 0 and var feature
            && _lastContainer!.Features.Add(feature))
            _lastContainer.FeaturesAt = _units.Revision;
        if (!behaviour.Touch(unit, timeNs))
            return;
        behaviour.ChangedAt = _units.Revision;
        _statisticsStale = true;
        if (behaviour.Learned)
            LearnNames(behaviour, unit.Hash);
    }

    void Refresh(long nowNs)
    {
        if (_statisticsVersion == _units.Classes.Version
            && (!_statisticsStale || Math.Abs(nowNs - _statisticsNs) < StatisticsAgeNs))
            return;
        _statistics.Compute(_behaviours.Values, _units.Classes);
        (_statisticsVersion, _statisticsNs, _statisticsStale) = (_units.Classes.Version, nowNs, false);
        _lambdaPerDay = LambdaPerDay(nowNs);
    }

    /// <summary>No longer part of its set: gives its share of the budget back.</summary>
    internal void Retire() => _budget.Take(-_behaviours.Count);

    void Keep(Behaviour behaviour)
    {
        _behaviours.Add(behaviour.Key, behaviour);
        _budget.Take(1);
    }

    /// <summary>Makes room for one more. What was learned goes only while learning, and then what was seen least.</summary>
    bool MakeRoom(bool locked)
    {
        if (_behaviours.Count < BehaviourLimit && !_budget.IsSpent)
            return true;
        const int batch = BehaviourLimit / 16; // at once, so that a flood does not search for every event
        var victims = _behaviours.Values.Where(b => !b.Learned).OrderBy(b => b.LastSeenNs).Take(batch).ToList();
        if (victims.Count == 0 && !locked)
            victims = [.. _behaviours.Values.Where(b => b.Units.Count <= 1).OrderBy(b => b.LastSeenNs).Take(batch)];
        if (victims.Count == 0)
        {
            _behavioursRefused++;
            return false;
        }
        foreach (var victim in victims)
            _behaviours.Remove(victim.Key);
        _budget.Take(-victims.Count);
        _behavioursEvicted += victims.Count;
        _cache.Clear();
        _knownLevels.Clear();
        foreach (var behaviour in _behaviours.Values)
            if (behaviour.Learned)
                AddLevels(behaviour);
        return true;
    }

    void AddLevels(Behaviour behaviour)
    {
        foreach (var level in behaviour.Levels)
            _knownLevels.Add(level);
    }

    void Learn(Behaviour behaviour, ulong unit)
    {
        behaviour.Learned = true;
        AddLevels(behaviour);
        LearnNames(behaviour, unit);
    }

    void LearnNames(Behaviour behaviour, ulong unit)
    {
        if (_options.NoGeneralisation || !TryBytes(behaviour, out var text))
            return;
        var scratch = new ByteWriter(stackalloc byte[4 * LongestText]);
        var common = _generaliser.Learn(behaviour.Class, text, unit, ref scratch);
        if (common >= 0)
            Cover(behaviour.Class, Encoding.UTF8.GetString(scratch.Written[..common]));
    }

    /// <summary>
    /// A group collapsed: what was learned below it is learned as the pattern too, for every actor that had it, so that a
    /// lock right after it raises nothing. The literals stay: evidence only grows.
    /// </summary>
    /// <param name="common">What the texts of that group begin with.</param>
    void Cover(BehaviourClass behaviourClass, string common)
    {
        Span<byte> buffer = stackalloc byte[4 * LongestText];
        foreach (var literal in _behaviours.Values.Where(b => b.Learned && b.Class == behaviourClass
            && b.Object.StartsWith(common, StringComparison.Ordinal)).ToList())
        {
            if (!TryBytes(literal, out var text))
                continue;
            var to = new ByteWriter(buffer);
            _generaliser.Generalise(behaviourClass, text, ref to);
            if (to.Overflowed || to.Written.SequenceEqual(text))
                continue;
            var levels = Reduction.LevelsOfPattern(literal, to.Written);
            if (!_behaviours.TryGetValue(levels[0], out var pattern))
            {
                if (!MakeRoom(locked: false))
                    return;
                pattern = new Behaviour(behaviourClass, levels[0], literal.Actor, PrintableText.Of(to.Written, LongestText))
                {
                    Mark = literal.Mark,
                    Levels = levels,
                };
                Keep(pattern);
            }
            pattern.Cover(literal);
            pattern.Learned = true;
            pattern.ChangedAt = _units.Revision;
            AddLevels(pattern);
        }
    }

    bool TryBytes(Behaviour behaviour, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (behaviour.Object.Length > LongestText)
            return false; // cut for display: its names are not whole
        text = _text.AsSpan(0, Encoding.UTF8.GetBytes(behaviour.Object, _text));
        return true;
    }
}

/// <summary>What a baseline had to drop or refuse, monotonic.</summary>
/// <param name="BehavioursEvicted">Behaviours dropped for newer ones at the cap.</param>
/// <param name="BehavioursRefused">Behaviours judged but not recorded: full of learned ones.</param>
/// <param name="JudgedEvicted">Entries of the table of things judged once per unit; an anomaly may repeat.</param>
/// <param name="NamesRefused">Names not counted for generalisation: the trie is full.</param>
/// <param name="EvidenceRefused">Evidence of another format, workload or an older generation.</param>
public readonly record struct BaselineCounters(
    long BehavioursEvicted, long BehavioursRefused, long JudgedEvicted, long NamesRefused, long EvidenceRefused)
{
    public static BaselineCounters operator +(BaselineCounters a, BaselineCounters b) => new(
        a.BehavioursEvicted + b.BehavioursEvicted, a.BehavioursRefused + b.BehavioursRefused, a.JudgedEvicted + b.JudgedEvicted,
        a.NamesRefused + b.NamesRefused, a.EvidenceRefused + b.EvidenceRefused);
}
