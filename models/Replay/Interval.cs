using MathNet.Numerics.Distributions;

namespace RuntimeGuard.Models.Replay;

/// <summary>A two-sided 95 % interval.</summary>
public readonly record struct Interval(double Lower, double Upper)
{
    const double Tail = 0.025;

    /// <summary>Garwood (1936) for the rate of a Poisson count over an exposure; unbounded without exposure.</summary>
    public static Interval Garwood(long count, double exposure) => exposure <= 0
        ? new Interval(0, double.PositiveInfinity)
        : new Interval(
            count == 0 ? 0 : ChiSquared.InvCDF(2.0 * count, Tail) / 2 / exposure,
            ChiSquared.InvCDF((2.0 * count) + 2, 1 - Tail) / 2 / exposure);

    /// <summary>Clopper and Pearson (1934) for a share of successes; 0 to 1 without trials.</summary>
    public static Interval ClopperPearson(int successes, int trials) => trials == 0
        ? new Interval(0, 1)
        : new Interval(
            successes == 0 ? 0 : Beta.InvCDF(successes, trials - successes + 1, Tail),
            successes == trials ? 1 : Beta.InvCDF(successes + 1, trials - successes, 1 - Tail));
}
