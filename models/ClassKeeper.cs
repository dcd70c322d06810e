using MathNet.Numerics;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Decides, from merged evidence, what no single event tells: that a class cannot be learned (its bound does not halve when its
/// units have doubled twice) and that it changed after it was learned (the watch-dog). Called by the collector, about once an
/// hour, which alone writes policies. Pure.
/// </summary>
public static class ClassKeeper
{
    /// <summary>So improbable must as many novelties be, at the bound that held, for the class to be called drifting.</summary>
    const double Improbable = 1e-4;

    const double FewestUnits = 96;

    /// <summary>A met bound is written down again when it fell by so much: every change of a policy tells every agent.</summary>
    const double BoundStep = 0.8;

    const int Doublings = 2;
    const int MostBounds = 16;

    /// <summary>The classes' policies as they should be now; the same object when nothing changed. Its argument is not changed.</summary>
    public static Policy Keep(Policy policy, Evidence evidence, long nowNs)
    {
        var (statistics, _) = LearningProgress.Statistics(evidence);
        var rates = RatesOf(evidence);
        var seenNs = evidence.Behaviours.Count == 0 ? 0 : evidence.Behaviours.Max(behaviour => behaviour.LastSeenUnixNs);
        Policy? changed = null;
        foreach (var marks in Marks.All)
        {
            var own = LearningStates.ClassOf(policy, marks.Class);
            var kept = Keep(own?.Clone() ?? new ClassPolicy { Class = marks.Class }, statistics, rates, marks,
                isOpen: LearningStates.Decided(policy, marks.Class, nowNs) is null, (nowNs, seenNs));
            if (Equals(kept, own) || (own is null && IsSilent(kept)))
                continue;
            changed ??= policy.Clone();
            if (LearningStates.ClassOf(changed, marks.Class) is { } old)
                changed.Classes.Remove(old);
            if (!IsSilent(kept))
                changed.Classes.Insert(changed.Classes.Count(entry => entry.Class < kept.Class), kept);
        }
        return changed ?? policy;
    }

    /// <summary>It says nothing of its class that is not so without it.</summary>
    public static bool IsSilent(ClassPolicy own) =>
        own is { Mode: LearningMode.Unspecified, Unbounded: false, DriftSinceUnixNs: 0, Bounds.Count: 0, MetBound: 0 };

    /// <param name="isOpen">Nobody decided of it: what comes after a lock is told as it comes, and is no drift.</param>
    static ClassPolicy Keep(ClassPolicy own, ClassStatistics statistics, RateLedger rates, ClassMarks marks, bool isOpen, (long OnClockNs, long OnModelsNs) now)
    {
        var units = statistics.Units(marks.Class);
        var perDay = statistics.UnitsPerDay(marks.Class);
        var bound = statistics.UpperBound(marks.Class) * perDay;
        if (units >= Math.Max(FewestUnits, 2 * own.BoundUnits) && own.Bounds.Count < MostBounds)
        {
            own.Bounds.Add(bound);
            own.BoundUnits = units;
        }
        // What was bounded once and is not any more has changed; that is no sign that it cannot be learned.
        own.Unbounded = own.MetBound == 0 && bound > marks.Beta && IsUnbounded(own.Bounds);
        if (own.DriftSinceUnixNs == 0)
        {
            // What was new while it learned is not what a drift is told by.
            if (isOpen && own.MetBound > 0 && IsDrifting(rates.Recent(marks.Class, own.MetNs), own.MetBound / perDay))
                own.DriftSinceUnixNs = now.OnClockNs;
            else if (bound <= (own.MetBound == 0 ? marks.Beta : own.MetBound * BoundStep))
                (own.MetBound, own.MetNs) = (bound, own.MetBound == 0 ? now.OnModelsNs : own.MetNs);
        }
        else if (IsCalm(rates.Recent(marks.Class, 0), statistics.UpperBound(marks.Class)))
            (own.DriftSinceUnixNs, own.MetBound, own.MetNs) = bound <= marks.Beta ? (0, bound, now.OnModelsNs) : (0, 0, 0);
        return own;
    }

    /// <summary>Bounds at T, 2T, 4T ...: unbounded when none of the last two doublings halved it.</summary>
    public static bool IsUnbounded(IReadOnlyList<double> bounds)
    {
        if (bounds.Count <= Doublings)
            return false;
        for (var i = bounds.Count - Doublings; i < bounds.Count; i++)
            if (bounds[i] <= bounds[i - 1] / 2)
                return false;
        return true;
    }

    /// <summary>
    /// P(as many novelty-bearing units or more) below 1e-4 at the bound that was met, P(Poisson(E U95) >= K) being the lower
    /// regularised gamma function at (K, E U95); and seen on half of the sampled replicas or more.
    /// </summary>
    static bool IsDrifting(in RecentNovelty recent, double bound) => recent.Novel >= 1 && recent.Units > 0
        && SpecialFunctions.GammaLowerRegularized(recent.Novel, recent.Units * bound) < Improbable
        && 2 * recent.NovelContainers >= recent.Containers;

    /// <summary>As few novelties again as the bound allows on the average.</summary>
    static bool IsCalm(in RecentNovelty recent, double bound) => recent.Units >= FewestUnits && recent.Novel <= recent.Units * bound;

    /// <summary>Of all sources together.</summary>
    internal static RateLedger RatesOf(Evidence evidence)
    {
        var rates = new RateLedger(0);
        foreach (var source in evidence.Rates)
            rates.Merge(source.Source == 0 ? WithSource(source, ulong.MaxValue) : source, changed: false);
        return rates;
    }

    static RateEvidence WithSource(RateEvidence rates, ulong source)
    {
        var renamed = rates.Clone();
        renamed.Source = source;
        return renamed;
    }
}
