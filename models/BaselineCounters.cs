namespace RuntimeGuard.Models;

/// <summary>What a baseline had to drop or refuse, monotonic.</summary>
/// <param name="BehavioursEvicted">Behaviours dropped for newer ones at the cap.</param>
/// <param name="BehavioursRefused">Behaviours judged but not recorded: full of learned ones.</param>
/// <param name="JudgedEvicted">Entries of the table of things judged once per unit; an anomaly may repeat.</param>
/// <param name="NamesRefused">Names not counted for generalisation: the trie is full.</param>
/// <param name="EvidenceRefused">Evidence of another format, workload or an older generation.</param>
/// <param name="ContainersEvicted">Containers forgotten for newer ones: their running hour is no evidence, or their suspicion is gone.</param>
public readonly record struct BaselineCounters(
    long BehavioursEvicted, long BehavioursRefused, long JudgedEvicted, long NamesRefused, long EvidenceRefused, long ContainersEvicted)
{
    public static BaselineCounters operator +(BaselineCounters a, BaselineCounters b) => new(
        a.BehavioursEvicted + b.BehavioursEvicted, a.BehavioursRefused + b.BehavioursRefused, a.JudgedEvicted + b.JudgedEvicted,
        a.NamesRefused + b.NamesRefused, a.EvidenceRefused + b.EvidenceRefused, a.ContainersEvicted + b.ContainersEvicted);
}
