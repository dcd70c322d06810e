using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// How much a grey event's own E-value speaks for an attack. A benign e in the grey zone is at least as large as a uniform
/// number would be; what a workload's were is counted, and shrinks the uniform shares as it does those of marks. An attacker's
/// steps are of any rarity: their e is taken as log-uniform. In half decades.
/// </summary>
static class GreyScore
{
    public const int Bins = 4;

    /// <summary>Upper ends, as shares of the grey ceiling.</summary>
    static ReadOnlySpan<double> Ends => [0.0316, 0.1, 0.316, 1];

    public static int BinOf(double expected)
    {
        var bin = 0;
        while (bin < Bins - 1 && expected > Ends[bin] * Marks.GreyCeiling)
            bin++;
        return bin;
    }

    /// <summary>Counted by a source that tells no scores: as the most ordinary.</summary>
    public static ulong CountOf(ClassRates rates, int bin) => rates.GreyByScore.Count == Bins ? rates.GreyByScore[bin]
        : bin == Bins - 1 ? rates.Grey : 0;

    /// <summary>q1/q0 of the bin the score lies in.</summary>
    /// <param name="counts">Benign grey events of the workload by bin.</param>
    public static double Ratio(double expected, ReadOnlySpan<double> counts)
    {
        var bin = BinOf(expected);
        var all = 0.0;
        foreach (var count in counts)
            all += count;
        var uniform = Ends[bin] - (bin == 0 ? 0 : Ends[bin - 1]);
        return 1.0 / Bins / ((counts[bin] + (Marks.Shrink * uniform)) / (all + Marks.Shrink));
    }

    /// <summary>
    /// Bits of a grey event by its mark and its score: the logarithm of the mean of both ratios, for the mean of two E-values is
    /// one however they depend on each other, and their product is not (Vovk and Wang 2021).
    /// </summary>
    public static double Bits(double markRatio, double scoreRatio) => Math.Log2((markRatio + scoreRatio) / 2);
}
