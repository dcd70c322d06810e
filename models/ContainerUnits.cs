using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>The unit of learning an event falls in.</summary>
/// <param name="IsStart">The first ten minutes of a container: a context of its own, never part of an hour.</param>
readonly record struct ContainerUnit(ulong Hash, ulong Container, bool IsStart);

/// <summary>
/// Where one container is in its units: container-hours, its start-up, or its run when it is a job. Decides which hours
/// were watched from end to end, quiet ones included.
/// </summary>
sealed class ContainerUnits
{
    public const long HourNs = 3_600_000_000_000;
    const long StartNs = HourNs / 6;
    const int MostHoursAtOnce = BottomK.ClassUnits;

    readonly ContainerFacts _facts;
    readonly ulong _hash;
    readonly ulong _start;
    readonly ulong _run;
    readonly long[] _voidHours = new long[ClassCount];
    long _nextHour; // the first hour not yet counted or given up
    ContainerUnit _current;
    long _currentHour = long.MinValue;

    public const int ClassCount = (int)BehaviourClass.Dns + 1;

    public ContainerUnits(ContainerFacts facts, long firstEventNs)
    {
        _facts = facts;
        _hash = KeyHash.Of(facts.Id);
        _start = KeyHash.Mix(_hash, 0x7374_6172_74);
        _run = KeyHash.Mix(_hash, 0x72_756E);
        Array.Fill(_voidHours, long.MinValue);
        // Watched from its birth, the start-up is a unit of its own and hours count after it.
        var since = facts.SeenFromBirth ? Math.Max(facts.StartedNs, 0) + StartNs : firstEventNs;
        _nextHour = (since / HourNs) + (since % HourNs == 0 ? 0 : 1);
    }

    public long LastEventNs { get; private set; }

    public bool IsRun => _facts.RunsToCompletion;

    public ContainerUnit Enter(long timeNs)
    {
        LastEventNs = Math.Max(LastEventNs, timeNs);
        if (_facts.RunsToCompletion)
            return new ContainerUnit(_run, _hash, false);
        if (_facts.SeenFromBirth && timeNs - _facts.StartedNs < StartNs && timeNs >= _facts.StartedNs)
            return new ContainerUnit(_start, _hash, true);
        var hour = timeNs / HourNs;
        if (hour == _currentHour)
            return _current;
        _currentHour = hour;
        return _current = new ContainerUnit(HourUnit(hour), _hash, false);
    }

    /// <summary>Events of the class (of all when unspecified) were lost now: this unit is no evidence of absence.</summary>
    public void Void(BehaviourClass behaviourClass, long timeNs)
    {
        var hour = _facts.RunsToCompletion ? 0 : timeNs / HourNs;
        if (behaviourClass == BehaviourClass.Unspecified)
            Array.Fill(_voidHours, hour);
        else
            _voidHours[(int)behaviourClass] = hour;
    }

    /// <summary>Adds the hours that ended before now. Called at least once an hour per container, or voids are forgotten.</summary>
    public void Complete(long nowNs, ClassUnits classes)
    {
        if (_facts.RunsToCompletion)
            return;
        var now = nowNs / HourNs;
        if (now - _nextHour > MostHoursAtOnce)
            _nextHour = now - MostHoursAtOnce;
        for (; _nextHour < now; _nextHour++)
            for (var c = 1; c < ClassCount; c++)
                if (_voidHours[c] != _nextHour)
                    classes.Add((BehaviourClass)c, HourUnit(_nextHour), (_nextHour + 1) * HourNs, false);
    }

    /// <summary>The container is gone: a run that was watched from its birth is complete.</summary>
    public void End(long nowNs, ClassUnits classes)
    {
        Complete(nowNs, classes);
        if (!_facts.RunsToCompletion || !_facts.SeenFromBirth)
            return;
        for (var c = 1; c < ClassCount; c++)
            if (_voidHours[c] == long.MinValue)
                classes.Add((BehaviourClass)c, _run, nowNs, true);
    }

    ulong HourUnit(long hour) => KeyHash.Mix(_hash, (ulong)hour);
}

/// <summary>The complete units of every class of one workload.</summary>
sealed class ClassUnits
{
    readonly UnitSet[] _units = new UnitSet[ContainerUnits.ClassCount];
    readonly long[] _firstComplete = new long[ContainerUnits.ClassCount];
    readonly bool[] _runs = new bool[ContainerUnits.ClassCount];
    readonly ulong[] _changedAt = new ulong[ContainerUnits.ClassCount];

    public ClassUnits()
    {
        for (var c = 0; c < _units.Length; c++)
            _units[c] = new UnitSet();
    }

    /// <summary>The delta that changes made now belong to.</summary>
    public ulong Revision { get; set; } = 1;

    /// <summary>Raised whenever a unit was added.</summary>
    public long Version { get; private set; }

    public UnitSet Of(BehaviourClass behaviourClass) => _units[(int)behaviourClass];

    public long FirstCompleteNs(BehaviourClass behaviourClass) => _firstComplete[(int)behaviourClass];

    public bool AreRuns(BehaviourClass behaviourClass) => _runs[(int)behaviourClass];

    public void Add(BehaviourClass behaviourClass, ulong unit, long completeNs, bool run)
    {
        var c = (int)behaviourClass;
        if (!_units[c].Add(unit))
            return;
        Version++;
        _runs[c] |= run;
        _firstComplete[c] = Earlier(_firstComplete[c], completeNs);
        _changedAt[c] = Revision;
    }

    public void Merge(ClassEvidence other, bool changed)
    {
        var c = (int)other.Class;
        foreach (var unit in other.Units)
            if (_units[c].Add(unit))
            {
                Version++;
                if (changed)
                    _changedAt[c] = Revision;
            }
        _runs[c] |= other.Runs;
        _firstComplete[c] = Earlier(_firstComplete[c], other.FirstCompleteUnixNs);
    }

    /// <summary>The collector has everything up to this revision.</summary>
    public void Acknowledge(ulong revision)
    {
        for (var c = 0; c < _changedAt.Length; c++)
            if (_changedAt[c] <= revision)
                _changedAt[c] = 0;
    }

    public IEnumerable<ClassEvidence> ToEvidence(bool onlyChanged)
    {
        for (var c = 1; c < _units.Length; c++)
        {
            if (_units[c].Count == 0 || (onlyChanged && _changedAt[c] == 0))
                continue;
            var evidence = new ClassEvidence
            {
                Class = (BehaviourClass)c,
                FirstCompleteUnixNs = _firstComplete[c],
                Runs = _runs[c],
            };
            foreach (var unit in _units[c].AsSpan())
                evidence.Units.Add(unit);
            yield return evidence;
        }
    }

    public static long Earlier(long a, long b) => a == 0 ? b : b == 0 ? a : Math.Min(a, b);
}
