using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>Why a class is called drifting: what was expected, what was seen, and whether a rollout explains it. Pure.</summary>
/// <param name="Class">Which.</param>
/// <param name="Units">Units of the window that runs: container-hours, or runs of a job.</param>
/// <param name="Expected">Units of those with something new, at most, by the bound that the class had met.</param>
/// <param name="Seen">Units with something new.</param>
/// <param name="Containers">That had units, of which</param>
/// <param name="NovelContainers">had units with something new; both from sketches.</param>
/// <param name="Behaviours">What is new since the bound was met and is not normal yet, what most containers do first.</param>
/// <param name="Version">The latest version that came in the day before one of them; empty: none did.</param>
public sealed record DriftReport(BehaviourClass Class, double Units, double Expected, double Seen, int Containers, int NovelContainers,
    IReadOnlyList<BehaviourEvidence> Behaviours, string Version)
{
    /// <summary>Of every class that drifts and nobody closed.</summary>
    public static IReadOnlyList<DriftReport> All(Policy policy, Evidence evidence, long nowNs)
    {
        var drifting = policy.Classes.Where(own => LearningStates.Decided(policy, own.Class, nowNs) == LearningState.Drift).ToList();
        if (drifting.Count == 0)
            return [];
        var (statistics, _) = LearningProgress.Statistics(evidence);
        var rates = ClassKeeper.RatesOf(evidence);
        return [.. drifting.Select(own => Of(own, evidence, rates.Recent(own.Class, own.MetNs), own.MetBound / statistics.UnitsPerDay(own.Class)))];
    }

    static DriftReport Of(ClassPolicy own, Evidence evidence, in RecentNovelty recent, double bound)
    {
        var began = evidence.Behaviours.Where(behaviour => behaviour.Class == own.Class && !behaviour.Learned && behaviour.FirstSeenUnixNs >= own.MetNs)
            .OrderByDescending(behaviour => behaviour.Containers.Count).ThenBy(behaviour => behaviour.FirstSeenUnixNs).ThenBy(behaviour => behaviour.Key).ToList();
        var version = EvidenceReview.RolloutsOf(evidence)
            .LastOrDefault(rollout => began.Exists(behaviour => DriftAbsorption.Follows(behaviour, rollout.FirstSeenUnixNs)))?.Version;
        return new DriftReport(own.Class, recent.Units, recent.Units * bound, recent.Novel, recent.Containers, recent.NovelContainers, began, version ?? "");
    }
}
