using MathNet.Numerics;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>Sum and sum of squares of counts over hours.</summary>
readonly record struct VolumeCounts(double Hours, double Sum, double Squares)
{
    public VolumeCounts Plus(double hours, double sum, double squares) => new(Hours + hours, Sum + sum, Squares + squares);
}

/// <summary>
/// Events per container-hour by four-hour bucket of the week, and behind them distinct peers in the same buckets. The rate is
/// Gamma–Poisson: posterior r = 1/2 + sum, b = 1/2 + hours, both divided by the index of dispersion where counts vary more
/// than a Poisson process would.
/// </summary>
sealed class VolumeStatistics
{
    public const int Buckets = Calendar.HoursOfWeek / HoursPerBucket;
    const int HoursPerBucket = 4;
    const double Prior = 0.5;

    VolumeCounts[]? _buckets;

    public static int BucketOf(long hour) => (int)(hour % Calendar.HoursOfWeek) / HoursPerBucket;

    public void Add(int bucket, double count)
    {
        _buckets ??= new VolumeCounts[2 * Buckets];
        _buckets[bucket] = _buckets[bucket].Plus(1, count, count * count);
    }

    public VolumeCounts Of(int bucket) => _buckets is null ? default : _buckets[bucket];

    /// <summary>P(count of the next hour is at least x): the tail of the negative binomial, by the incomplete beta function.</summary>
    public static double Tail(in VolumeCounts counts, double x)
    {
        var (r, b) = (Prior + counts.Sum, Prior + counts.Hours);
        if (counts.Hours > 1 && counts.Sum > 0)
        {
            var mean = counts.Sum / counts.Hours;
            var dispersion = ((counts.Squares / counts.Hours) - (mean * mean)) / mean;
            if (dispersion > 1)
                (r, b) = (r / dispersion, b / dispersion);
        }
        return x <= 0 ? 1 : SpecialFunctions.BetaRegularized(x, r, 1 / (b + 1));
    }

    public void Load(IEnumerable<VolumeBucket> from)
    {
        _buckets = null;
        foreach (var volume in from)
            if (volume.Bucket < 2 * Buckets)
                (_buckets ??= new VolumeCounts[2 * Buckets])[volume.Bucket] = new VolumeCounts(volume.Hours, volume.Sum, volume.Squares);
    }

    /// <summary>Buckets in which something happened; a quiet one is told by its hours when any was not.</summary>
    public IEnumerable<VolumeBucket> ToEvidence()
    {
        if (_buckets is null || !Array.Exists(_buckets, b => b.Sum > 0))
            yield break;
        for (var bucket = 0; bucket < _buckets.Length; bucket++)
            if (_buckets[bucket].Hours > 0)
                yield return new VolumeBucket
                {
                    Bucket = (uint)bucket,
                    Hours = (ulong)_buckets[bucket].Hours,
                    Sum = _buckets[bucket].Sum,
                    Squares = _buckets[bucket].Squares,
                };
    }
}
