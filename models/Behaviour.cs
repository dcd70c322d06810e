using System.Runtime.CompilerServices;
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
    public SmallSketch Containers;
    public SmallSketch Versions;
    public Calendar Calendar;
    public long FirstSeenNs = long.MaxValue;
    public long LastSeenNs;
    public uint MaxPerUnit;
    public int StartPhase;

    /// <summary>Some node accepted it as normal while learning. Never taken back but by a reset.</summary>
    public bool Learned;

    /// <summary>High risk or at alert level when seen: shown to people, and left out of the rates unless learned.</summary>
    public bool Quarantined;

    /// <summary>Began while its version was new: in the list of what that brought, for a person to decide.</summary>
    public bool ForReview;

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

    /// <summary>Never seen in the phase of this unit, though seen in the other.</summary>
    public bool IsNewPhase(in ContainerUnit unit) => StartPhase == (unit.IsStart ? AfterStart : InStart);

    /// <summary>Seen in this version of the image and in no older one.</summary>
    public bool IsOnlyIn(ulong version) => Versions.Count == 1 && Versions.AsSpan()[0] == version;

    public int DaysSeen => Calendar.DaysSeen;

    /// <summary>The latest occurrence was in this unit: one more changes no evidence but the count.</summary>
    public bool IsIn(in ContainerUnit unit) => _currentUnit == unit.Hash;

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
        return Units.Add(unit.Hash) | Containers.Add(unit.Container) | Versions.Add(unit.Version) | Calendar.Add(timeNs)
            | AddPhase(unit.IsStart ? InStart : AfterStart);
    }

    /// <summary>Takes over all evidence of another; true when something changed.</summary>
    public bool Absorb(BehaviourEvidence other)
    {
        var changed = Calendar.Merge(Calendar.Of(other.MaxDay, other.Days, other.HoursOfWeek))
            | AddPhase(other.StartPhase & (InStart | AfterStart));
        foreach (var unit in other.Units)
            changed |= Units.Add(unit);
        foreach (var container in other.Containers)
            changed |= Containers.Add(container);
        foreach (var version in other.Versions)
            changed |= Versions.Add(version);
        FirstSeenNs = other.FirstSeenUnixNs == 0 ? FirstSeenNs : Math.Min(FirstSeenNs, other.FirstSeenUnixNs);
        LastSeenNs = Math.Max(LastSeenNs, other.LastSeenUnixNs);
        MaxPerUnit = Math.Max(MaxPerUnit, other.MaxPerUnit);
        changed |= (other.Learned && !Learned) || (other.Quarantined && !Quarantined) || (other.ForReview && !ForReview);
        Learned |= other.Learned;
        Quarantined |= other.Quarantined;
        ForReview |= other.ForReview;
        return changed;
    }

    /// <summary>Takes over where and when a behaviour was seen that this pattern covers.</summary>
    public void Cover(Behaviour literal)
    {
        foreach (var unit in literal.Units.AsSpan())
            Units.Add(unit);
        foreach (var container in literal.Containers.AsSpan())
            Containers.Add(container);
        foreach (var version in literal.Versions.AsSpan())
            Versions.Add(version);
        Calendar.Merge(literal.Calendar);
        AddPhase(literal.StartPhase);
        FirstSeenNs = Math.Min(FirstSeenNs, literal.FirstSeenNs);
        LastSeenNs = Math.Max(LastSeenNs, literal.LastSeenNs);
        MaxPerUnit = Math.Max(MaxPerUnit, literal.MaxPerUnit);
    }

    public BehaviourEvidence ToEvidence()
    {
        var evidence = new BehaviourEvidence
        {
            Class = Class,
            Actor = Actor,
            Object = Object,
            Key = Key,
            FirstSeenUnixNs = FirstSeenNs == long.MaxValue ? 0 : FirstSeenNs,
            LastSeenUnixNs = LastSeenNs,
            MaxDay = Calendar.MaxDay,
            Days = Calendar.Days,
            HoursOfWeek = Calendar.HoursOnWire(),
            MaxPerUnit = MaxPerUnit,
            Quarantined = Quarantined,
            Learned = Learned,
            Mark = Marks.Of(Class).Marks[Mark].Name,
            StartPhase = StartPhase,
            ForReview = ForReview,
        };
        evidence.Units.AddAll(Units.AsSpan());
        evidence.Containers.AddAll(Containers.AsSpan());
        evidence.Versions.AddAll(Versions.AsSpan());
        evidence.LevelKeys.AddAll(Levels);
        return evidence;
    }

    bool AddPhase(int phase)
    {
        var changed = (StartPhase | phase) != StartPhase;
        StartPhase |= phase;
        return changed;
    }
}
