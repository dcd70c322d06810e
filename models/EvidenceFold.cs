using System.Text;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Folds literals of merged evidence into the hard patterns that all of them together make, so that evidence of nodes which
/// learned apart is that of one which saw all. A closure: folding again changes nothing, and order decides nothing below the
/// trie's cap. What lies below a secret mount or is cut for display stays as it is.
/// </summary>
static class EvidenceFold
{
    /// <summary>A group is hard from so many texts on, or when a text says so with a star; ports from the ninth.</summary>
    const int FewestTexts = 9;

    public static void Fold(SortedDictionary<ulong, BehaviourEvidence> behaviours)
    {
        var parts = behaviours.Values.Where(IsPart).ToList();
        if (parts.Count < FewestTexts && !parts.Exists(b => b.Object.Contains('*', StringComparison.Ordinal) || b.Object.Contains("high", StringComparison.Ordinal)))
            return;
        var names = new Generaliser();
        var text = new byte[Baseline.LongestText];
        var identity = new byte[4 * Baseline.LongestText];
        while (Harden(names, parts, text))
        {
            var moved = false;
            // What is not learned follows what is: its pattern knows it, whichever of the two came first.
            foreach (var behaviour in parts.Concat(behaviours.Values.Where(b => !b.Learned && IsFoldable(b)).ToList()))
            {
                var to = new ByteWriter(identity);
                var own = text.AsSpan(0, Encoding.UTF8.GetBytes(behaviour.Object, text));
                names.Identify(behaviour.Class, own, ref to);
                if (to.Written.SequenceEqual(own))
                    continue;
                var pattern = PatternOf(behaviour, to.Written);
                if (!behaviour.Learned && !(behaviours.TryGetValue(pattern.Key, out var known) && known.Learned))
                    continue;
                moved = true;
                behaviours.Remove(behaviour.Key);
                behaviours[pattern.Key] = EvidenceMerge.Merge(
                    behaviours.TryGetValue(pattern.Key, out var other) ? other : new BehaviourEvidence { Key = pattern.Key }, pattern);
            }
            if (!moved)
                return;
            parts = [.. behaviours.Values.Where(IsPart)];
            names.Clear();
        }
    }

    static bool IsPart(BehaviourEvidence behaviour) => behaviour.Learned && IsFoldable(behaviour);

    static bool IsFoldable(BehaviourEvidence behaviour) => behaviour is { Secret: false, Object.Length: <= Baseline.LongestText }
        && EvidenceMerge.IsClass(behaviour.Class) && behaviour.LevelKeys.Count == LevelKeys.Count
        && Encoding.UTF8.GetByteCount(behaviour.Object) <= Baseline.LongestText;

    /// <summary>Until nothing becomes hard any more by the names as they are; true when anything did.</summary>
    static bool Harden(Generaliser names, List<BehaviourEvidence> parts, byte[] text)
    {
        var hardened = false;
        foreach (var behaviour in parts)
            hardened |= names.Learn(behaviour.Class, text.AsSpan(0, Encoding.UTF8.GetBytes(behaviour.Object, text)),
                behaviour.Units.Count == 0 ? 0 : behaviour.Units[0], behaviour.Units.Count > 1).Hardened;
        return hardened;
    }

    static BehaviourEvidence PatternOf(BehaviourEvidence literal, ReadOnlySpan<byte> text)
    {
        var levels = BehaviourLevels.Of(literal.Class, literal.Actor, text, LevelKeys.Of(literal.LevelKeys));
        var pattern = literal.Clone();
        (pattern.Key, pattern.Object) = (levels[0], Encoding.UTF8.GetString(text));
        pattern.LevelKeys.Clear();
        pattern.LevelKeys.AddAll(levels);
        return pattern;
    }
}
