namespace RuntimeGuard.Collector;

/// <summary>Wall-clock times as they cross wires and disks: nanoseconds since 1970-01-01 UTC.</summary>
static class UnixTime
{
    public const long NsPerSecond = 1_000_000_000;
    public const long NsPerDay = 86_400 * NsPerSecond;

    public static long UnixNs(this TimeProvider time) => ToUnixNs(time.GetUtcNow());

    public static long ToUnixNs(this DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks * 100;

    public static long ToNs(this TimeSpan span) => span.Ticks * 100;

    public static DateTimeOffset FromUnixNs(long ns) => DateTimeOffset.UnixEpoch.AddTicks(ns / 100);
}
