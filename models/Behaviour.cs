using System.Runtime.CompilerServices;
using System.Text;
using Google.Protobuf.Collections;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>Keys of one behaviour at the four levels, literal first.</summary>
[InlineArray(Count)]
struct LevelKeys
{
    public const int Count = 4;
    ulong _first;

    /// <summary>Of evidence: as many as there are.</summary>
    public static LevelKeys Of(RepeatedField<ulong> keys)
    {
        LevelKeys levels = default;
        for (var level = 0; level < Math.Min(keys.Count, Count); level++)
            levels[level] = keys[level];
        return levels;
    }
}

/// <summary>
/// One fact (class, actor, object) with its evidence: a literal, or a pattern that literals were folded into. Every field
/// but the names merges by union, min, max or or. Times are the model's.
/// </summary>
/// <param name="text">UTF-8, printable; longer than <see cref="Baseline.LongestText"/> when cut for display.</param>
sealed class Behaviour(BehaviourClass behaviourClass, ulong key, string actor, byte[] text)
{
    const int InStart = 1;
    const int AfterStart = 2;

    /// <summary>The object itself and its slots in tables, without texts: what a budget of memory counts for it.</summary>
    public const int FixedBytes = 512;

    public BehaviourClass Class { get; } = behaviourClass;

    public ulong Key { get; } = key;

    /// <summary>Shared by all behaviours of the actor.</summary>
    public string Actor { get; } = actor;

    public ReadOnlySpan<byte> Text => text;

    public string Object => Encoding.UTF8.GetString(text);

    /// <summary>Index into the class's marks.</summary>
    public int Mark;

    public LevelKeys Levels;
    public UnitSketch Units;
    public SmallSketch Containers;
    public SmallSketch Versions;
    public Calendar Calendar;
    public long FirstSeenNs = long.MaxValue;

    /// <summary>Begin of the latest hour it was seen in: finer, every occurrence would be news to send.</summary>
    public long LastSeenNs;

    /// <summary>The pattern that covers it for the time being; owned by the vocabulary.</summary>
    public BehaviourView? View;

    /// <summary>The delta it belongs to; 0 when the collector has all of it.</summary>
    public ulong ChangedAt;

    ulong _currentUnit;
    byte _startPhase;

    /// <summary>Some node accepted it as normal while learning. Never taken back but by a reset.</summary>
    public bool Learned;

    /// <summary>High risk or at alert level when seen: shown to people, and left out of the rates unless learned.</summary>
    public bool Quarantined;

    /// <summary>
    /// Done by a container under suspicion: left out of this node's rates until another does it. Not evidence: others weigh
    /// suspects by their alerts.
    /// </summary>
    public bool Suspected;

    /// <summary>Below a secret mount: no part of a pattern.</summary>
    public bool Secret;

    /// <summary>Began while its version was new: in the list of what that brought, for a person to decide.</summary>
    public bool ForReview;

    /// <summary>Of evidence that <see cref="EvidenceMerge.Refuse"/> let pass.</summary>
    /// <param name="actor">Its actor's text, shared.</param>
    public static Behaviour From(BehaviourEvidence evidence, string actor)
    {
        var made = new Behaviour(evidence.Class, evidence.Key, actor, Encoding.UTF8.GetBytes(evidence.Object))
        {
            Mark = Math.Max(0, Marks.Of(evidence.Class).IndexOf(evidence.Mark)),
            Secret = evidence.Secret,
            Levels = LevelKeys.Of(evidence.LevelKeys),
        };
        made.Absorb(evidence);
        return made;
    }

    /// <summary>Its names count, and a pattern can cover it.</summary>
    public bool IsPartOfPatterns => Learned && IsFoldable;

    public bool IsFoldable => !Secret && Generaliser.IsWhole(text);

    /// <summary>Its keys as statistics and judgement see them: the pattern's where one covers it.</summary>
    public ref readonly LevelKeys Seen => ref View is null ? ref Levels : ref View.Levels;

    public bool OnlyInUnit(ulong unit) => Units.Count == 0 || (Units.Count == 1 && Units.AsSpan()[0] == unit);

    public bool OnlyAfterStart => _startPhase == AfterStart;

    public bool OnlyInStart => _startPhase == InStart;

    public int StartPhase => _startPhase;

    /// <summary>Never seen in the phase of this unit, though seen in the other.</summary>
    public bool IsNewPhase(in ContainerUnit unit) => _startPhase == (unit.IsStart ? AfterStart : InStart);

    /// <summary>Seen in this version of the image and in no older one.</summary>
    public bool IsOnlyIn(ulong version) => Versions.Count == 1 && Versions.AsSpan()[0] == version;

    public int DaysSeen => Calendar.DaysSeen;

    /// <summary>The latest occurrence was in this unit: one more changes no evidence but the hour.</summary>
    public bool IsIn(in ContainerUnit unit) => _currentUnit == unit.Hash;

    /// <summary>Takes one occurrence; true when evidence worth sending changed.</summary>
    public bool Touch(in ContainerUnit unit, long timeNs)
    {
        var changed = false;
        if (timeNs - LastSeenNs >= ContainerUnits.HourNs)
            (LastSeenNs, changed) = (timeNs - (timeNs % ContainerUnits.HourNs), true);
        if (timeNs < FirstSeenNs)
            (FirstSeenNs, changed) = (timeNs, true);
        if (_currentUnit == unit.Hash)
            return changed | Calendar.Add(timeNs);
        _currentUnit = unit.Hash;
        // Not short-circuited: every part is evidence.
        return changed | Units.Add(unit.Hash) | Containers.Add(unit.Container) | Versions.Add(unit.Version) | Calendar.Add(timeNs)
            | AddPhase(unit.IsStart ? InStart : AfterStart);
    }

    /// <summary>Takes over all evidence of another; true when something changed.</summary>
    public bool Absorb(BehaviourEvidence other)
    {
        var changed = Calendar.Merge(Calendar.Of(other.MaxDay, other.Days, other.HoursOfWeek))
            | AddPhase(other.StartPhase & (InStart | AfterStart)) | AddTimes(other.FirstSeenUnixNs, other.LastSeenUnixNs);
        foreach (var unit in other.Units)
            changed |= Units.Add(unit);
        foreach (var container in other.Containers)
            changed |= Containers.Add(container);
        foreach (var version in other.Versions)
            changed |= Versions.Add(version);
        changed |= (other.Learned && !Learned) || (other.Quarantined && !Quarantined) || (other.ForReview && !ForReview);
        Learned |= other.Learned;
        Quarantined |= other.Quarantined;
        ForReview |= other.ForReview;
        return changed;
    }

    /// <summary>Takes over all evidence of a literal that is folded into this pattern.</summary>
    public void Absorb(Behaviour literal)
    {
        foreach (var unit in literal.Units.AsSpan())
            Units.Add(unit);
        foreach (var container in literal.Containers.AsSpan())
            Containers.Add(container);
        foreach (var version in literal.Versions.AsSpan())
            Versions.Add(version);
        Calendar.Merge(literal.Calendar);
        AddPhase(literal._startPhase);
        AddTimes(literal.FirstSeenNs == long.MaxValue ? 0 : literal.FirstSeenNs, literal.LastSeenNs);
        Learned |= literal.Learned;
        Quarantined |= literal.Quarantined;
        ForReview |= literal.ForReview;
        // As merging does: the larger, so that order decides nothing.
        if (((ReadOnlySpan<ulong>)Levels).SequenceCompareTo(literal.Levels) < 0)
            Levels = literal.Levels;
        if (string.CompareOrdinal(Marks.Of(Class).Marks[Mark].Name, Marks.Of(Class).Marks[literal.Mark].Name) < 0)
            Mark = literal.Mark;
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
            Quarantined = Quarantined,
            Learned = Learned,
            Mark = Marks.Of(Class).Marks[Mark].Name,
            StartPhase = _startPhase,
            Secret = Secret,
            ForReview = ForReview,
        };
        evidence.Units.AddAll(Units.AsSpan());
        evidence.Containers.AddAll(Containers.AsSpan());
        evidence.Versions.AddAll(Versions.AsSpan());
        evidence.LevelKeys.AddAll(Levels);
        return evidence;
    }

    bool AddTimes(long first, long last)
    {
        var changed = first != 0 && first < FirstSeenNs;
        FirstSeenNs = changed ? first : FirstSeenNs;
        changed |= last > LastSeenNs;
        LastSeenNs = Math.Max(LastSeenNs, last);
        return changed;
    }

    bool AddPhase(int phase)
    {
        var changed = (_startPhase | phase) != _startPhase;
        _startPhase |= (byte)phase;
        return changed;
    }
}

/// <summary>A pattern that covers learned behaviours of one actor while their names are open-ended. Never stored, never sent.</summary>
sealed class BehaviourView(in LevelKeys levels)
{
    public const int FixedBytes = 112;

    public readonly LevelKeys Levels = levels;

    /// <summary>One of the behaviours it covers; null when it covers none (any more).</summary>
    public Behaviour? One;

    public int Members;
}
