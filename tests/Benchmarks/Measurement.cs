using System.Diagnostics;

namespace RuntimeGuard.Benchmarks;

/// <summary>Medians over many rounds: shared machines are noisy, and a median of short rounds is what repeats.</summary>
static class Measurement
{
    const int Rounds = 41;
    const int WarmUpMs = 700;

    /// <summary>Runs the batch in rounds after warming it up; per operation.</summary>
    public static (double Nanoseconds, double Bytes) Median(int operations, Action batch, Action? before = null)
    {
        // Long enough for the code to reach its last tier.
        for (var warm = Stopwatch.StartNew(); warm.ElapsedMilliseconds < WarmUpMs;)
        {
            before?.Invoke();
            batch();
        }
        var times = new double[Rounds];
        var bytes = new double[Rounds];
        for (var round = 0; round < Rounds; round++)
        {
            before?.Invoke();
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var start = Stopwatch.GetTimestamp();
            batch();
            times[round] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / operations;
            bytes[round] = (double)(GC.GetAllocatedBytesForCurrentThread() - allocated) / operations;
        }
        Array.Sort(times);
        Array.Sort(bytes);
        return (times[Rounds / 2], bytes[Rounds / 2]);
    }
}
