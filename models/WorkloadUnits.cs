using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>All that one workload's units are evidence of: learning time per class, rates, and how long each image version ran.</summary>
sealed class WorkloadUnits(ulong source)
{
    public const int MostVersions = 64;

    readonly Dictionary<ulong, VersionState> _versions = [];

    sealed class VersionState(string version)
    {
        public readonly string Version = version;
        public readonly UnitSet Units = new(BottomK.VersionUnits);
        public long FirstSeenNs = long.MaxValue;
        public ulong ChangedAt;
    }

    public ClassUnits Classes { get; private set; } = new();

    public RateLedger Rates { get; private set; } = new(source);

    public ulong Revision
    {
        get => Classes.Revision;
        set => Classes.Revision = Rates.Revision = value;
    }

    public void AddHour(BehaviourClass behaviourClass, in CompleteHour hour)
    {
        Classes.Add(behaviourClass, hour.Unit, hour.EndNs, run: false);
        Rates.AddHour(behaviourClass, hour);
    }

    public void AddRun(BehaviourClass behaviourClass, in CompleteHour run, long completeNs)
    {
        Classes.Add(behaviourClass, run.Unit, completeNs, run: true);
        Rates.AddHour(behaviourClass, run);
    }

    public void AddStart(ulong unit) => Classes.AddStart(unit);

    public void AddVersion(string version, ulong key, ulong unit, long nowNs)
    {
        if (key != 0 && VersionOf(version, key, nowNs) is { } state && state.Units.Add(unit))
            state.ChangedAt = Revision;
    }

    /// <summary>A version is running: it is known from its first event on.</summary>
    public void SeeVersion(string version, ulong key, long nowNs)
    {
        if (key != 0)
            VersionOf(version, key, nowNs);
    }

    /// <summary>Whatever was lost or short-lived meanwhile: an excuse that losing events prolongs would be sought.</summary>
    const long LongestProbationNs = 48 * ContainerUnits.HourNs;

    /// <summary>
    /// The version followed an older one and has been watched for fewer container-hours than make it known: what it does that
    /// the others do not is for review.
    /// </summary>
    public bool IsOnProbation(ulong version, int hours, long nowNs)
    {
        if (!_versions.TryGetValue(version, out var state) || state.Units.Count >= hours
            || nowNs - state.FirstSeenNs >= LongestProbationNs)
            return false;
        foreach (var other in _versions.Values)
            if (!ReferenceEquals(other, state) && other.Units.Count > 0 && other.FirstSeenNs < state.FirstSeenNs)
                return true;
        return false;
    }

    /// <summary>An older version than this is known.</summary>
    public bool HasOlder(ulong version) => _versions.TryGetValue(version, out var state)
        && _versions.Values.Any(other => other.FirstSeenNs < state.FirstSeenNs);

    public void Merge(VersionEvidence other, bool changed)
    {
        if (VersionOf(other.Version, other.Key, other.FirstSeenUnixNs) is not { } state)
            return;
        var grown = false;
        foreach (var unit in other.Units)
            grown |= state.Units.Add(unit);
        if (changed && grown)
            state.ChangedAt = Revision;
    }

    public IEnumerable<VersionEvidence> VersionsToEvidence(bool onlyChanged)
    {
        foreach (var (key, state) in _versions.OrderBy(v => v.Key))
        {
            if (onlyChanged && state.ChangedAt == 0)
                continue;
            var evidence = new VersionEvidence { Version = state.Version, Key = key, FirstSeenUnixNs = state.FirstSeenNs };
            evidence.Units.AddAll(state.Units.AsSpan());
            yield return evidence;
        }
    }

    public void Acknowledge(ulong revision)
    {
        Classes.Acknowledge(revision);
        Rates.Acknowledge(revision);
        foreach (var state in _versions.Values)
            if (state.ChangedAt <= revision)
                state.ChangedAt = 0;
    }

    /// <summary>Forgets everything but the revision it is at.</summary>
    public void Reset()
    {
        var revision = Revision;
        Classes = new ClassUnits();
        Rates = new RateLedger(source);
        _versions.Clear();
        Revision = revision;
    }

    VersionState? VersionOf(string version, ulong key, long nowNs)
    {
        if (!_versions.TryGetValue(key, out var state))
        {
            // The longest known goes: what is new is compared with what came just before it.
            if (_versions.Count >= MostVersions)
                _versions.Remove(_versions.MinBy(v => v.Value.FirstSeenNs).Key);
            _versions.Add(key, state = new VersionState(version) { ChangedAt = Revision });
        }
        if (nowNs < state.FirstSeenNs)
            (state.FirstSeenNs, state.ChangedAt) = (nowNs, Revision);
        return state;
    }
}
