using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>W for each rho, and the events that made them.</summary>
sealed class GreyAccumulator
{
    const int MostSteps = 32;

    readonly HashSet<(BehaviourClass Class, ulong Parent)> _inHour = [];
    long _hour = long.MinValue;

    public double[] Bits { get; } = new double[GreyZone.Rhos.Length];

    public List<Contribution> Steps { get; } = [];

    /// <summary>The time its bits are of.</summary>
    public long LastNs { get; private set; }

    /// <summary>The first of its class and parent in this hour.</summary>
    public bool IsFirst(in GreyEvent e)
    {
        if (e.TimeNs / GreyZone.HourNs != _hour)
        {
            _hour = e.TimeNs / GreyZone.HourNs;
            _inHour.Clear();
        }
        return _inHour.Count < MostSteps && _inHour.Add((e.Class, e.Parent));
    }

    /// <summary>What is left of the bits at a time.</summary>
    public void Decay(long nowNs, double lambdaPerDay, bool fixedHalfLife)
    {
        var hours = Math.Max(0, nowNs - LastNs) / (double)GreyZone.HourNs;
        for (var i = 0; i < Bits.Length; i++)
            Bits[i] = LastNs == 0 ? 0 : fixedHalfLife
                ? Bits[i] * Math.Pow(0.5, hours / GreyZone.HalfLifeHours)
                : Math.Max(0, Bits[i] - (lambdaPerDay / 24 * (GreyZone.Rhos[i] - 1) * hours / Math.Log(2)));
        LastNs = Math.Max(LastNs, nowNs);
    }

    public void Add(Contribution step, double lambdaPerDay, bool fixedHalfLife)
    {
        Decay(step.TimeUnixNs, lambdaPerDay, fixedHalfLife);
        for (var i = 0; i < Bits.Length; i++)
            Bits[i] = Math.Max(0, Bits[i] + Math.Log2(GreyZone.Rhos[i]) + step.Bits);
        // Nothing weighs any more: what follows is another story.
        if (Bits.Max() == 0)
            Steps.Clear();
        if (Steps.Count >= MostSteps)
            Steps.RemoveAt(0);
        Steps.Add(step);
    }

    /// <summary>Takes over another's, both as they are at the time of the later.</summary>
    public void Absorb(GreyAccumulator other, double lambdaPerDay, bool fixedHalfLife)
    {
        Decay(other.LastNs, lambdaPerDay, fixedHalfLife);
        other.Decay(LastNs, lambdaPerDay, fixedHalfLife);
        for (var i = 0; i < Bits.Length; i++)
            Bits[i] += other.Bits[i];
        Steps.AddRange(other.Steps);
        Steps.Sort((a, b) => a.TimeUnixNs.CompareTo(b.TimeUnixNs));
        if (Steps.Count > MostSteps)
            Steps.RemoveRange(0, Steps.Count - MostSteps);
    }

    /// <summary>The largest share of its bound that any of the three has reached.</summary>
    public double Share(double lambdaPerDay, double alpha)
    {
        var share = 0.0;
        for (var i = 0; i < Bits.Length; i++)
            share = Math.Max(share, Bits[i] / GreyZone.Bound(GreyZone.Rhos[i], lambdaPerDay, alpha));
        return share;
    }

    public void Reset()
    {
        Array.Clear(Bits);
        Steps.Clear();
    }
}

/// <summary>A novelty that is too likely to alert by itself and too unlikely to be ignored.</summary>
/// <param name="Lineage">First process of the subtree that departed.</param>
/// <param name="Parent">Its generalised parent: the actor.</param>
/// <param name="Touched">Hash of the path written or run, or of the peer; 0: nothing by which lineages meet.</param>
/// <param name="Bits">log2 of the mark's likelihood ratio q1/q0.</param>
readonly record struct GreyEvent(ulong Container, ulong Lineage, long TimeNs, BehaviourClass Class, ulong Parent, ulong Touched,
    string Behaviour, string Mark, double Score, double Bits);

/// <summary>Grey events that crossed a bound together.</summary>
sealed record GreyIncident(double Bits, double Bound, IReadOnlyList<Contribution> Steps);
