using System.Runtime.InteropServices;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Incidence counts of one class at one level, over complete units: Q1, Q2 behaviours seen in exactly one and two units;
/// N1, N2 units that own at least one such behaviour.
/// </summary>
struct IncidenceCounts
{
    public int Behaviours, Q1, Q2, N1, N2;
}

/// <summary>
/// Gathers the behaviours of one class by the keys they are seen under: what one pattern covers is one behaviour, with the
/// union of what its literals have. Scratch of a computation, used again for the next class and workload; holds as much as
/// the largest one took. One thread at a time.
/// </summary>
sealed class IncidenceTables
{
    readonly Dictionary<ulong, Type> _types = [];
    readonly Dictionary<ulong, Incidence>[] _levels = [[], [], []]; // 1 to 3
    readonly HashSet<ulong> _owners = [];

    public void Clear()
    {
        _types.Clear();
        foreach (var level in _levels)
            level.Clear();
    }

    public void Add(Behaviour behaviour, UnitSet complete)
    {
        Incidence own = default;
        foreach (var unit in behaviour.Units.AsSpan())
            if (complete.Contains(unit))
                own.Add(unit);
        ref readonly var keys = ref behaviour.Seen;
        ref var type = ref CollectionsMarshal.GetValueRefOrAddDefault(_types, keys[0], out var known);
        type.Take(behaviour, own, known);
        for (var level = 1; level < LevelKeys.Count; level++)
            CollectionsMarshal.GetValueRefOrAddDefault(_levels[level - 1], keys[level], out _).Add(own);
    }

    public IncidenceCounts Count(int level) => level == 0
        ? Count(_types.Values, type => type.Units)
        : Count(_levels[level - 1].Values, incidence => incidence);

    /// <summary>Behaviours seen on exactly one day. What only start-ups do has no calendar: it comes when a container does.</summary>
    public int CountOnOneDay() => _types.Values.Count(type => !type.OnlyInStart && System.Numerics.BitOperations.PopCount(type.Days) == 1);

    /// <summary>Leave-one-out singletons by mark: first seen after the first complete unit, and never in a start-up.</summary>
    public void CountMarks(BehaviourClass behaviourClass, long firstCompleteNs, int[] marks)
    {
        foreach (var type in _types.Values)
            if (type.Units.Count == 1 && type.OnlyAfterStart && firstCompleteNs > 0 && type.FirstSeenNs >= firstCompleteNs)
                marks[Reduction.MarkLeftOut(behaviourClass, type.Mark, _levels[Reduction.MarkLevel(behaviourClass) - 1][type.Zone].Count == 1)]++;
    }

    IncidenceCounts Count<T>(Dictionary<ulong, T>.ValueCollection values, Func<T, Incidence> of)
    {
        IncidenceCounts counts = default;
        counts.Behaviours = values.Count;
        _owners.Clear();
        foreach (var value in values)
            if (of(value) is { Count: 1 } once)
            {
                counts.Q1++;
                _owners.Add(once.First);
            }
        counts.N1 = _owners.Count;
        _owners.Clear();
        foreach (var value in values)
            if (of(value) is { Count: 2 } twice)
            {
                counts.Q2++;
                _owners.Add(twice.First);
                _owners.Add(twice.Second);
            }
        counts.N2 = _owners.Count;
        return counts;
    }

    /// <summary>One behaviour as seen.</summary>
    struct Type
    {
        public Incidence Units;
        public long MaxDay, FirstSeenNs;
        public ulong Days, Zone;
        public int Mark;
        public bool OnlyAfterStart, OnlyInStart;

        public void Take(Behaviour behaviour, in Incidence own, bool known)
        {
            Units.Add(own);
            (MaxDay, Days) = DaySet.Merge(MaxDay, Days, behaviour.Calendar.MaxDay, behaviour.Calendar.Days);
            FirstSeenNs = known ? Math.Min(FirstSeenNs, behaviour.FirstSeenNs) : behaviour.FirstSeenNs;
            Mark = known ? Math.Max(Mark, behaviour.Mark) : behaviour.Mark;
            OnlyAfterStart = (!known || OnlyAfterStart) && behaviour.OnlyAfterStart;
            OnlyInStart = (!known || OnlyInStart) && behaviour.OnlyInStart;
            Zone = behaviour.Seen[Reduction.MarkLevel(behaviour.Class)];
        }
    }

    /// <summary>Distinct units, as far as one and two must be told from more.</summary>
    struct Incidence
    {
        public ulong First, Second;
        public int Count;

        public void Add(ulong unit)
        {
            if (Count > 2 || (Count > 0 && unit == First) || (Count > 1 && unit == Second))
                return;
            if (Count == 0)
                First = unit;
            else if (Count == 1)
                Second = unit;
            Count++;
        }

        public void Add(in Incidence other)
        {
            if (other.Count > 2)
                Count = 3;
            if (other.Count > 0)
                Add(other.First);
            if (other.Count > 1)
                Add(other.Second);
        }
    }
}
