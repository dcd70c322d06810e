using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// What evidence of earlier versions means to this one. Format 1 had patterns beside their literals, which a node's stream
/// had collapsed for ever: they are hard now, so that what was known stays known, and their literals are folded into them.
/// Of two kinds of keys nothing comes back: names that are not printable, and what lies below a secret mount outside the
/// usual places; they are learned again.
/// </summary>
public static class EvidenceFormat
{
    /// <summary>The format this version writes and merges.</summary>
    public const uint Current = 2;

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
        var behaviours = new SortedDictionary<ulong, BehaviourEvidence>();
        foreach (var behaviour in upgraded.Behaviours)
            behaviours[behaviour.Key] = behaviours.TryGetValue(behaviour.Key, out var other) ? EvidenceMerge.Merge(other, behaviour) : behaviour;
        EvidenceFold.Fold(behaviours);
        upgraded.Behaviours.Clear();
        upgraded.Behaviours.AddRange(behaviours.Values);
        return upgraded;
    }
}
