namespace RuntimeGuard.Agent;

static class UnixTime
{
    /// <summary>Nanoseconds since 1970, in .NET's resolution of 100 ns.</summary>
    public static long ToUnixNs(this DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * 100;

    public static DateTimeOffset FromUnixNs(long ns) => DateTimeOffset.UnixEpoch.AddTicks(ns / 100);
}
