using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>Keys of one behaviour at the four levels, literal first.</summary>
[InlineArray(Count)]
struct LevelKeys
{
    public const int Count = 4;
    ulong _first;
}

/// <summary>One generalised fact (class, actor, object) with its evidence. Every field but the names merges by union, min, max or or.</summary>
sealed class Behaviour(BehaviourClass behaviourClass, ulong key, string actor, string target)
{
    const long Hour = 3_600_000_000_000;
    const int HoursOfWeek = 168;
    const int InStart = 1;
    const int AfterStart = 2;

    public BehaviourClass Class { get; } = behaviourClass;

    public ulong Key { get; } = key;

    public string Actor { get; } = actor;

    public string Object { get; } = target;

    /// <summary>Index into the class's marks.</summary>
    public int Mark;

    public LevelKeys Levels;
    public UnitSketch Units;
    public ContainerSketch Containers;
    public long FirstSeenNs = long.MaxValue;
    public long LastSeenNs;
    public long MaxDay;
    public ulong Days;
    public ulong Hours0, Hours1, Hours2;
    public uint MaxPerUnit;
    public int StartPhase;

    /// <summary>Some node accepted it as normal while learning. Never taken back but by a reset.</summary>
    public bool Learned;

    /// <summary>High risk or at alert level when seen: shown to people, and left out of the rates unless learned.</summary>
    public bool Quarantined;

    /// <summary>The delta it belongs to; 0 when the collector has all of it.</summary>
    public ulong ChangedAt;

    ulong _currentUnit;
    uint _countInUnit;

    /// <summary>Of evidence that <see cref="EvidenceMerge.Refuse"/> let pass.</summary>
    public static Behaviour From(BehaviourEvidence evidence)
    {
        var made = new Behaviour(evidence.Class, evidence.Key, evidence.Actor, evidence.Object)
        {
            Mark = Math.Max(0, Marks.Of(evidence.Class).IndexOf(evidence.Mark)),
        };
        for (var level = 0; level < Math.Min(evidence.LevelKeys.Count, LevelKeys.Count); level++)
            made.Levels[level] = evidence.LevelKeys[level];
        made.Absorb(evidence);
        return made;
    }

    public bool OnlyInUnit(ulong unit) => Units.Count == 0 || (Units.Count == 1 && Units.AsSpan()[0] == unit);

    public bool OnlyAfterStart => StartPhase == AfterStart;

    /// <summary>Counts one occurrence; true when evidence worth sending changed.</summary>
    public bool Touch(in ContainerUnit unit, long timeNs)
    {
        LastSeenNs = Math.Max(LastSeenNs, timeNs);
        if (_currentUnit == unit.Hash)
        {
            MaxPerUnit = Math.Max(MaxPerUnit, ++_countInUnit);
            return false;
        }
        (_currentUnit, _countInUnit) = (unit.Hash, 1);
        FirstSeenNs = Math.Min(FirstSeenNs, timeNs);
        MaxPerUnit = Math.Max(MaxPerUnit, 1);
        // Not short-circuited: every part is evidence.
        return Units.Add(unit.Hash) | Containers.Add(unit.Container) | AddDay(timeNs / (24 * Hour), 1)
            | AddHour((int)(timeNs / Hour % HoursOfWeek)) | AddPhase(unit.IsStart ? InStart : AfterStart);
    }

    /// <summary>Takes over all evidence of another; true when something changed.</summary>
    public bool Absorb(BehaviourEvidence other)
    {
        var changed = false;
        foreach (var unit in other.Units)
            changed |= Units.Add(unit);
        foreach (var container in other.Containers)
            changed |= Containers.Add(container);
        if (other.Days != 0)
            changed |= AddDay(other.MaxDay, other.Days);
        changed |= AddPhase(other.StartPhase & (InStart | AfterStart));
        FirstSeenNs = other.FirstSeenUnixNs == 0 ? FirstSeenNs : Math.Min(FirstSeenNs, other.FirstSeenUnixNs);
        LastSeenNs = Math.Max(LastSeenNs, other.LastSeenUnixNs);
        MaxPerUnit = Math.Max(MaxPerUnit, other.MaxPerUnit);
        if (other.HoursOfWeek.Length == HoursOfWeek / 8)
        {
            Span<byte> hours = stackalloc byte[24];
            other.HoursOfWeek.Span.CopyTo(hours);
            changed |= AddHours(BinaryPrimitives.ReadUInt64LittleEndian(hours),
                BinaryPrimitives.ReadUInt64LittleEndian(hours[8..]), BinaryPrimitives.ReadUInt64LittleEndian(hours[16..]));
        }
        changed |= (other.Learned && !Learned) || (other.Quarantined && !Quarantined);
        Learned |= other.Learned;
        Quarantined |= other.Quarantined;
        return changed;
    }

    /// <summary>Takes over where and when a behaviour was seen that this pattern covers.</summary>
    public void Cover(Behaviour literal)
    {
        foreach (var unit in literal.Units.AsSpan())
            Units.Add(unit);
        foreach (var container in literal.Containers.AsSpan())
            Containers.Add(container);
        if (literal.Days != 0)
            AddDay(literal.MaxDay, literal.Days);
        AddHours(literal.Hours0, literal.Hours1, literal.Hours2);
        AddPhase(literal.StartPhase);
        FirstSeenNs = Math.Min(FirstSeenNs, literal.FirstSeenNs);
        LastSeenNs = Math.Max(LastSeenNs, literal.LastSeenNs);
        MaxPerUnit = Math.Max(MaxPerUnit, literal.MaxPerUnit);
    }

    public int DaysSeen => System.Numerics.BitOperations.PopCount(Days);

    public BehaviourEvidence ToEvidence()
    {
        Span<byte> hours = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(hours, Hours0);
        BinaryPrimitives.WriteUInt64LittleEndian(hours[8..], Hours1);
        BinaryPrimitives.WriteUInt64LittleEndian(hours[16..], Hours2);
        var evidence = new BehaviourEvidence
        {
            Class = Class,
            Actor = Actor,
            Object = Object,
            Key = Key,
            FirstSeenUnixNs = FirstSeenNs == long.MaxValue ? 0 : FirstSeenNs,
            LastSeenUnixNs = LastSeenNs,
            MaxDay = MaxDay,
            Days = Days,
            HoursOfWeek = ByteString.CopyFrom(hours[..(HoursOfWeek / 8)]),
            MaxPerUnit = MaxPerUnit,
            Quarantined = Quarantined,
            Learned = Learned,
            Mark = Marks.Of(Class).Marks[Mark].Name,
            StartPhase = StartPhase,
        };
        foreach (var unit in Units.AsSpan())
            evidence.Units.Add(unit);
        foreach (var container in Containers.AsSpan())
            evidence.Containers.Add(container);
        foreach (var level in Levels)
            evidence.LevelKeys.Add(level);
        return evidence;
    }

    bool AddDay(long day, ulong days)
    {
        var (maxDay, merged) = DaySet.Merge(MaxDay, Days, day, days);
        var changed = maxDay != MaxDay || merged != Days;
        (MaxDay, Days) = (maxDay, merged);
        return changed;
    }

    bool AddHour(int hour)
    {
        var bit = 1UL << (hour & 63);
        return AddHours(hour < 64 ? bit : 0, hour is >= 64 and < 128 ? bit : 0, hour >= 128 ? bit : 0);
    }

    bool AddHours(ulong h0, ulong h1, ulong h2)
    {
        var changed = (h0 & ~Hours0) != 0 || (h1 & ~Hours1) != 0 || (h2 & ~Hours2) != 0;
        (Hours0, Hours1, Hours2) = (Hours0 | h0, Hours1 | h1, Hours2 | h2);
        return changed;
    }

    bool AddPhase(int phase)
    {
        var changed = (StartPhase | phase) != StartPhase;
        StartPhase |= phase;
        return changed;
    }
}

/// <summary>The days something was seen: 64 bits back from the latest. Merging aligns to the later and ors.</summary>
static class DaySet
{
    public static (long MaxDay, ulong Days) Merge(long maxDayA, ulong daysA, long maxDayB, ulong daysB)
    {
        if (daysA == 0)
            return (daysB == 0 ? 0 : maxDayB, daysB);
        if (daysB == 0)
            return (maxDayA, daysA);
        var later = Math.Max(maxDayA, maxDayB);
        return (later, Shifted(daysA, later, maxDayA) | Shifted(daysB, later, maxDayB));
    }

    static ulong Shifted(ulong days, long later, long maxDay)
    {
        var behind = unchecked((ulong)later - (ulong)maxDay);
        return behind >= 64 ? 0 : days << (int)behind;
    }
}
