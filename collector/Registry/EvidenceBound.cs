using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// Keeps the merged evidence of one workload so small that every agent can take its model.
/// <para>
/// Arithmetic: a behaviour has at most 16 units, 8 containers and 4 level keys of 8 bytes, 21 bytes of hours, and about
/// 70 of numbers: 350 bytes with their tags. Texts are typically 100 characters, so 4096 behaviours are 1.8 MB; ASCII
/// texts of the greatest length (1076 + 256) make 1.7 kB each, 7 MB; with three bytes for each character it would be
/// 4.4 kB each, 18 MB. Classes add 8 * 1024 units of 8 bytes, 66 kB. Agents take messages of 16 MB.
/// </para>
/// </summary>
static class EvidenceBound
{
    /// <summary>Half of what agents take.</summary>
    public const int MaxBytes = 8 << 20;

    /// <summary>
    /// Removes what is beyond the bounds of count and bytes and returns how many behaviours that were: those with the
    /// least support first, the longest unseen before others.
    /// </summary>
    public static int Cut(Evidence evidence)
    {
        // Kept by an earlier version, whose bound was wider: agents would refuse the whole model for one of them.
        var victims = evidence.Behaviours.Where(behaviour => !EvidenceMerge.FitsTexts(behaviour)).ToHashSet();
        var bytes = (long)evidence.CalculateSize() - victims.Sum(Bytes);
        var count = evidence.Behaviours.Count - victims.Count;
        if (count > Baseline.BehaviourLimit || bytes > MaxBytes)
        {
            foreach (var behaviour in evidence.Behaviours.Where(behaviour => !victims.Contains(behaviour))
                .OrderBy(behaviour => behaviour.Units.Count).ThenBy(behaviour => behaviour.LastSeenUnixNs)
                .ThenBy(behaviour => behaviour.Key).ToList())
            {
                if (count <= Baseline.BehaviourLimit && bytes <= MaxBytes)
                {
                    break;
                }
                victims.Add(behaviour);
                count--;
                bytes -= Bytes(behaviour);
            }
        }
        if (victims.Count > 0)
        {
            var kept = evidence.Behaviours.Where(behaviour => !victims.Contains(behaviour)).ToList();
            evidence.Behaviours.Clear();
            evidence.Behaviours.AddRange(kept);
        }
        return victims.Count;
    }

    /// <summary>In its list: with tag and length.</summary>
    static long Bytes(BehaviourEvidence behaviour) => behaviour.CalculateSize() + 3;
}
