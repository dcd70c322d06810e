using MathNet.Numerics;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Tells a change that most replicas made from the doings of a few: the Bayes factor of k of n replicas under Beta(2, 1)
/// against Beta(1, 10). What is accepted becomes known; what is not stays for a person. Pure; for the collector, which knows
/// how many replicas live and when there was a rollout.
/// </summary>
public static class DriftAbsorption
{
    /// <summary>20 to 1.</summary>
    public static readonly double Accepted = Math.Log2(20);

    /// <summary>Fewer replicas are never enough: one intruder would be a third of them.</summary>
    public const int FewestReplicas = 3;

    const int FewestDays = 3;
    const long RolloutNs = 24 * ContainerUnits.HourNs;

    /// <summary>log2 of the Bayes factor, by beta-binomial likelihoods.</summary>
    public static double Bits(int k, int n) => (LogBetaBinomial(k, n, 2, 1) - LogBetaBinomial(k, n, 1, 10)) / Math.Log(2);

    /// <summary>
    /// Behaviours that a class nobody locked may take for normal now, marked learned: neither risky nor at alert level when seen,
    /// done by most replicas, and with a rollout in the day before they began or seen on three days. A replica that is suspected of
    /// something else speaks against a behaviour, whether it did it or not. Null when there are none.
    /// </summary>
    /// <param name="live">The workload's containers running now.</param>
    /// <param name="rollouts">When new versions or configurations came, on the model's clock.</param>
    public static Evidence? Absorb(Evidence evidence, Policy policy, IReadOnlyCollection<LiveReplica> live, IReadOnlyCollection<long> rollouts, long nowNs)
    {
        var replicas = live.DistinctBy(replica => replica.Id).ToDictionary(replica => KeyHash.Of(replica.Id));
        if (replicas.Count < FewestReplicas)
            return null;
        var absorbed = new Evidence { Workload = evidence.Workload, Format = evidence.Format, Generation = evidence.Generation };
        foreach (var behaviour in evidence.Behaviours)
        {
            // What came with a version waits for a person: its rollout is no reason to trust it.
            if (behaviour.Learned || behaviour.Quarantined || behaviour.ForReview || !EvidenceMerge.IsClass(behaviour.Class)
                || LearningStates.Decided(policy, behaviour.Class, nowNs) is not (null or LearningState.Drift) || IsRisky(behaviour))
                continue;
            var rolledOut = rollouts.Any(at => Follows(behaviour, at));
            if (Bits(ReplicasOf(behaviour, replicas), replicas.Count) < Accepted
                || !(rolledOut || System.Numerics.BitOperations.PopCount(behaviour.Days) >= FewestDays))
                continue;
            var known = behaviour.Clone();
            known.Learned = true;
            absorbed.Behaviours.Add(known);
        }
        return absorbed.Behaviours.Count == 0 ? null : absorbed;
    }

    /// <summary>It began in the day after that rollout.</summary>
    internal static bool Follows(BehaviourEvidence behaviour, long rolloutNs) =>
        behaviour.FirstSeenUnixNs >= rolloutNs && behaviour.FirstSeenUnixNs - rolloutNs <= RolloutNs;

    /// <summary>How many of the live ones did it and are not suspect; where the sketch is full, by those that it would tell of.</summary>
    static int ReplicasOf(BehaviourEvidence behaviour, Dictionary<ulong, LiveReplica> live)
    {
        var did = behaviour.Containers.Count(id => live.TryGetValue(id, out var replica) && !replica.IsSuspect(behaviour.Key));
        if (behaviour.Containers.Count < BottomK.Containers)
            return did;
        var told = live.Keys.Count(id => id <= behaviour.Containers.Max());
        return told == 0 ? 0 : did * live.Count / told;
    }

    static bool IsRisky(BehaviourEvidence behaviour)
    {
        var marks = Marks.Of(behaviour.Class);
        var mark = marks.IndexOf(behaviour.Mark);
        return mark < 0 || marks.Marks[mark].HighRisk;
    }

    static double LogBetaBinomial(int k, int n, double a, double b) =>
        SpecialFunctions.BinomialLn(n, k) + SpecialFunctions.BetaLn(k + a, n - k + b) - SpecialFunctions.BetaLn(a, b);
}
