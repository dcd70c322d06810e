using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>The complete units of every class of one workload: container-hours or runs, start-ups, days and hours of the week.</summary>
sealed class ClassUnits
{
    readonly State[] _classes = [.. Enumerable.Range(0, ContainerUnits.ClassCount).Select(_ => new State())];

    sealed class State
    {
        public readonly UnitSet Units = new();
        public readonly UnitSet Starts = new(BottomK.StartUnits);
        public Calendar Calendar;
        public long FirstComplete;
        public bool Runs;
        public ulong ChangedAt;
    }

    /// <summary>The delta that changes made now belong to.</summary>
    public ulong Revision { get; set; } = 1;

    /// <summary>Raised whenever a unit was added.</summary>
    public long Version { get; private set; }

    public UnitSet Of(BehaviourClass behaviourClass) => _classes[(int)behaviourClass].Units;

    public UnitSet StartsOf(BehaviourClass behaviourClass) => _classes[(int)behaviourClass].Starts;

    public ref readonly Calendar CalendarOf(BehaviourClass behaviourClass) => ref _classes[(int)behaviourClass].Calendar;

    public long FirstCompleteNs(BehaviourClass behaviourClass) => _classes[(int)behaviourClass].FirstComplete;

    public bool AreRuns(BehaviourClass behaviourClass) => _classes[(int)behaviourClass].Runs;

    /// <param name="completeNs">When the unit was complete; what it covered lies before that.</param>
    public void Add(BehaviourClass behaviourClass, ulong unit, long completeNs, bool run)
    {
        var state = _classes[(int)behaviourClass];
        // Above the sketch's k most units are not kept; when they were is, whatever came before them.
        var changed = state.Units.Add(unit);
        if (changed)
            Version++;
        changed |= state.Calendar.Add(Math.Max(0, completeNs - 1)) | (run && !state.Runs)
            | Earlier(state.FirstComplete, completeNs) != state.FirstComplete;
        state.Runs |= run;
        state.FirstComplete = Earlier(state.FirstComplete, completeNs);
        if (changed)
            state.ChangedAt = Revision;
    }

    public void AddStart(ulong unit)
    {
        for (var c = 1; c < _classes.Length; c++)
            if (_classes[c].Starts.Add(unit))
                _classes[c].ChangedAt = Revision;
    }

    public void Merge(ClassEvidence other, bool changed)
    {
        var state = _classes[(int)other.Class];
        var grown = false;
        foreach (var unit in other.Units)
            grown |= state.Units.Add(unit);
        if (grown)
            Version++;
        foreach (var unit in other.StartUnits)
            grown |= state.Starts.Add(unit);
        grown |= state.Calendar.Merge(Calendar.Of(other.MaxDay, other.Days, other.HoursOfWeek)) | (other.Runs && !state.Runs)
            | Earlier(state.FirstComplete, other.FirstCompleteUnixNs) != state.FirstComplete;
        state.Runs |= other.Runs;
        state.FirstComplete = Earlier(state.FirstComplete, other.FirstCompleteUnixNs);
        if (grown && changed)
            state.ChangedAt = Revision;
    }

    /// <summary>The collector has everything up to this revision.</summary>
    public void Acknowledge(ulong revision)
    {
        foreach (var state in _classes)
            if (state.ChangedAt <= revision)
                state.ChangedAt = 0;
    }

    public IEnumerable<ClassEvidence> ToEvidence(bool onlyChanged)
    {
        for (var c = 1; c < _classes.Length; c++)
        {
            var state = _classes[c];
            if ((state.Units.Count == 0 && state.Starts.Count == 0) || (onlyChanged && state.ChangedAt == 0))
                continue;
            var evidence = new ClassEvidence
            {
                Class = (BehaviourClass)c,
                FirstCompleteUnixNs = state.FirstComplete,
                Runs = state.Runs,
                MaxDay = state.Calendar.MaxDay,
                Days = state.Calendar.Days,
                HoursOfWeek = state.Calendar.HoursOnWire(),
            };
            evidence.Units.AddAll(state.Units.AsSpan());
            evidence.StartUnits.AddAll(state.Starts.AsSpan());
            yield return evidence;
        }
    }

    public static long Earlier(long a, long b) => a == 0 ? b : b == 0 ? a : Math.Min(a, b);
}
