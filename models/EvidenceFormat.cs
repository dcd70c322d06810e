using Google.Protobuf.Collections;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// What evidence of earlier versions means to this one. Format 1 had patterns beside their literals, which a node's stream
/// had collapsed for ever: they are hard now, so that what was known stays known, and their literals are folded into them.
/// Of two kinds of keys nothing comes back: names that are not printable, and what lies below a secret mount outside the
/// usual places; they are learned again. Up to format 2 a unit's hash did not tell a start-up from an hour: what is not among
/// the start-ups is taken for an hour.
/// </summary>
public static class EvidenceFormat
{
    /// <summary>The format this version writes and merges.</summary>
    public const uint Current = 3;

    /// <summary>The oldest one it reads.</summary>
    public const uint Oldest = 1;

    /// <summary>
    /// The evidence in the current format: itself when it is, or when nothing is known of its format, which
    /// <see cref="EvidenceMerge.Refuse"/> says. The argument is not changed.
    /// </summary>
    public static Evidence Upgrade(Evidence evidence)
    {
        if (evidence.Format is < Oldest or >= Current)
            return evidence;
        var upgraded = evidence.Clone();
        upgraded.Format = Current;
        if (EvidenceMerge.Refuse(upgraded) is not null)
            return evidence; // refused by its old name
        MarkStarts(upgraded);
        if (evidence.Format == 1)
            Fold(upgraded);
        return upgraded;
    }

    static void MarkStarts(Evidence evidence)
    {
        var starts = evidence.Classes.SelectMany(c => c.StartUnits).ToHashSet();
        foreach (var c in evidence.Classes)
        {
            Rewrite(c.Units, UnitHash.OfHourOrRun);
            Rewrite(c.StartUnits, UnitHash.OfStart);
        }
        foreach (var version in evidence.Versions)
            Rewrite(version.Units, UnitHash.OfHourOrRun);
        foreach (var behaviour in evidence.Behaviours)
            Rewrite(behaviour.Units, unit => starts.Contains(unit) ? UnitHash.OfStart(unit) : UnitHash.OfHourOrRun(unit));
    }

    static void Rewrite(RepeatedField<ulong> units, Func<ulong, ulong> change)
    {
        var changed = units.Select(change).Distinct().Order().ToList();
        units.Clear();
        units.AddRange(changed);
    }

    static void Fold(Evidence upgraded)
    {
        var behaviours = new SortedDictionary<ulong, BehaviourEvidence>();
        foreach (var behaviour in upgraded.Behaviours)
            behaviours[behaviour.Key] = behaviours.TryGetValue(behaviour.Key, out var other) ? EvidenceMerge.Merge(other, behaviour) : behaviour;
        EvidenceFold.Fold(behaviours);
        upgraded.Behaviours.Clear();
        upgraded.Behaviours.AddRange(behaviours.Values);
    }
}
