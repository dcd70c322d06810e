using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>The unit of learning an event falls in.</summary>
/// <param name="IsStart">The first ten minutes of a container: a context of its own, never part of an hour.</param>
/// <param name="Version">Hash of the container's image version; 0 when it is not known.</param>
readonly record struct ContainerUnit(ulong Hash, ulong Container, bool IsStart, ulong Version);

/// <summary>
/// Where one container is in its units: container-hours, its start-up, or its run when it is a job. Decides which hours
/// were watched from end to end, quiet ones included, and counts what happened in the one that runs.
/// </summary>
sealed class ContainerUnits
{
    public const int ClassCount = (int)BehaviourClass.Dns + 1;
    public const long HourNs = 3_600_000_000_000;
    const long StartNs = HourNs / 6;
    const int LongestVersion = 512;
    const int MostScored = 32;

    /// <summary>With full sketches.</summary>
    public const long MostBytes = 3 << 10;

    const double FirstPeers = 16;
    /// <summary>Who was not asked for longer was not watched.</summary>
    const int MostHoursAtOnce = 48;

    readonly ContainerFacts _facts;
    readonly ulong _hash;
    readonly ulong _start;
    readonly ulong _run;
    readonly ulong _version;
    readonly long[] _voidHours = new long[ClassCount];
    readonly uint[] _counts = new uint[ClassCount];
    readonly UnitSet _peers = new(BottomK.Peers);
    long _nextHour; // the first hour not yet counted or given up
    bool _startCounted;
    ContainerUnit _current;
    long _currentHour = long.MinValue;
    long _countedHour = long.MinValue;
    Dictionary<ulong, int>? _scored; // made when something is scored: most containers never are

    double _nextPeers = FirstPeers;
    int _novel; // classes with a novelty in the hour that runs

    public ContainerUnits(ContainerFacts facts, long firstEventNs)
    {
        _facts = facts;
        _hash = KeyHash.Of(facts.Id);
        _start = UnitHash.OfStart(KeyHash.Mix(_hash, 0x7374_6172_74));
        _run = UnitHash.OfHourOrRun(KeyHash.Mix(_hash, 0x72_756E));
        _version = facts.Version.Length == 0 ? 0 : KeyHash.Of(facts.Version);
        Array.Fill(_voidHours, long.MinValue);
        _startCounted = !facts.SeenFromBirth;
        // Watched from its birth, the start-up is a unit of its own and hours count after it.
        // An hour before its first event nobody had heard of it, whatever its runtime says of its start.
        var since = facts.SeenFromBirth ? Math.Max(facts.StartedNs, firstEventNs - HourNs) + StartNs : firstEventNs;
        _nextHour = (since / HourNs) + (since % HourNs == 0 ? 0 : 1);
    }

    public long LastEventNs { get; private set; }

    public ulong Hash => _hash;

    public bool IsRun => _facts.RunsToCompletion;

    /// <summary>Cut to what evidence carries.</summary>
    public string Version => _facts.Version.Length <= LongestVersion ? _facts.Version : _facts.Version[..LongestVersion];

    public ulong VersionHash => _version;

    /// <summary>What the container does, for finding roles.</summary>
    public UnitSet Features { get; } = new(BottomK.Features);

    /// <summary>The delta its features belong to; 0 when the collector has them.</summary>
    public ulong FeaturesAt { get; set; }

    /// <summary>When it last did something it had not done before: that, unlike its latest event, is always sent.</summary>
    public long FeaturesNs { get; set; }

    /// <summary>The role it behaves like, and when that was looked at; owned by the baseline.</summary>
    public Role? Role { get; set; }

    public long RoleUntilNs { get; set; }

    public ContainerUnit Enter(long timeNs)
    {
        LastEventNs = Math.Max(LastEventNs, timeNs);
        if (_facts.RunsToCompletion)
            return new ContainerUnit(_run, _hash, false, _version);
        if (_facts.SeenFromBirth && timeNs - _facts.StartedNs < StartNs && timeNs >= _facts.StartedNs)
            return new ContainerUnit(_start, _hash, true, _version);
        var hour = timeNs / HourNs;
        if (hour == _currentHour)
            return _current;
        _currentHour = hour;
        return _current = new ContainerUnit(HourUnit(hour), _hash, false, _version);
    }

    /// <summary>Counts an event of the class in the hour that runs; returns how many there are.</summary>
    public uint Count(BehaviourClass behaviourClass, long timeNs)
    {
        var hour = HourOf(timeNs);
        if (hour != _countedHour)
            StartCounting(hour);
        return ++_counts[(int)behaviourClass];
    }

    /// <summary>Notes a peer; the distinct peers of the hour that runs when they have doubled since they were last told, else 0.</summary>
    public double AddPeer(ulong peer)
    {
        if (!_peers.Add(peer) || _peers.Estimate < _nextPeers)
            return 0;
        _nextPeers *= 2;
        return _peers.Estimate;
    }

    /// <summary>Novelties scored in this container, by the directory or kind they share: siblings cost less than the first.</summary>
    public int TimesScored(in Candidate candidate) => _scored?.GetValueOrDefault(candidate.View[2]) ?? 0;

    public void Scored(in Candidate candidate)
    {
        _scored ??= [];
        if (_scored.Count >= MostScored)
            _scored.Clear();
        _scored[candidate.View[2]] = _scored.GetValueOrDefault(candidate.View[2]) + 1;
    }

    /// <summary>A behaviour never seen before was seen in the hour that runs.</summary>
    public void MarkNovel(BehaviourClass behaviourClass) => _novel |= 1 << (int)behaviourClass;

    /// <summary>Events of the class (of all when unspecified) were lost now: this unit is no evidence of absence.</summary>
    public void Void(BehaviourClass behaviourClass, long timeNs)
    {
        var hour = HourOf(timeNs);
        if (behaviourClass == BehaviourClass.Unspecified)
            Array.Fill(_voidHours, hour);
        else
            _voidHours[(int)behaviourClass] = hour;
        _startCounted |= timeNs - _facts.StartedNs < StartNs;
    }

    /// <summary>Adds the hours that ended before now. Called at least once an hour per container, or voids are forgotten.</summary>
    public void Complete(long nowNs, WorkloadUnits units)
    {
        if (_facts.RunsToCompletion)
            return;
        if (!_startCounted && nowNs - _facts.StartedNs >= StartNs)
        {
            _startCounted = true;
            units.AddStart(_start);
        }
        var now = nowNs / HourNs;
        if (now - _nextHour > MostHoursAtOnce)
            _nextHour = now;
        for (; _nextHour < now; _nextHour++)
        {
            var counted = _nextHour == _countedHour;
            for (var c = 1; c < ClassCount; c++)
                if (_voidHours[c] != _nextHour)
                    units.AddHour((BehaviourClass)c, new CompleteHour(HourUnit(_nextHour), _nextHour, _hash,
                        counted ? _counts[c] : 0, counted && (_novel >> c & 1) != 0, counted ? _peers.Estimate : 0));
            if (_voidHours[1] != _nextHour)
                units.AddVersion(Version, _version, HourUnit(_nextHour), (_nextHour + 1) * HourNs);
        }
        if (_countedHour < now && _countedHour != long.MinValue)
            StartCounting(now);
    }

    /// <summary>Nobody watched until now: the hours since the last that was counted say nothing, nor does the one that runs.</summary>
    public void Skip(long nowNs)
    {
        _nextHour = Math.Max(_nextHour, nowNs / HourNs);
        Void(BehaviourClass.Unspecified, nowNs);
    }

    /// <summary>The container is gone: a run that was watched from its birth is complete.</summary>
    public void End(long nowNs, WorkloadUnits units)
    {
        Complete(nowNs, units);
        if (!_facts.RunsToCompletion || !_facts.SeenFromBirth)
            return;
        for (var c = 1; c < ClassCount; c++)
            if (_voidHours[c] == long.MinValue)
                units.AddRun((BehaviourClass)c, new CompleteHour(_run, nowNs / HourNs, _hash, _counts[c], (_novel >> c & 1) != 0, _peers.Estimate), nowNs);
        units.AddVersion(Version, _version, _run, nowNs);
    }

    /// <summary>A run is one unit, however long: it is counted, and void, as a whole.</summary>
    long HourOf(long timeNs) => _facts.RunsToCompletion ? 0 : timeNs / HourNs;

    void StartCounting(long hour)
    {
        _countedHour = hour;
        Array.Clear(_counts);
        _peers.Clear();
        _nextPeers = FirstPeers;
        _novel = 0;
    }

    ulong HourUnit(long hour) => UnitHash.OfHourOrRun(KeyHash.Mix(_hash, (ulong)hour));
}

/// <summary>One container-hour that was watched from end to end.</summary>
/// <param name="Count">Events of the class in it.</param>
/// <param name="IsNovel">It had a behaviour never seen before.</param>
/// <param name="Peers">Distinct peers in it.</param>
readonly record struct CompleteHour(ulong Unit, long Hour, ulong Container, uint Count, bool IsNovel, double Peers)
{
    public long EndNs => (Hour + 1) * ContainerUnits.HourNs;
}
