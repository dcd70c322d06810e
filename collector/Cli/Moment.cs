using System.Globalization;

namespace RuntimeGuard.Cli;

/// <summary>Points and spans of time as people write and read them. On the wire time is Unix nanoseconds.</summary>
static class Moment
{
    const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>RFC 3339 (UTC when it names no zone), or a span before now: <c>90s</c>, <c>15m</c>, <c>24h</c>, <c>7d</c>.</summary>
    /// <exception cref="FormatException">The text is neither.</exception>
    public static long Parse(string text, TimeProvider clock)
    {
        var now = ToUnixNs(clock.GetUtcNow());
        if (text == "now")
        {
            return now;
        }

        if (TryParseSpan(text, out var seconds))
        {
            return Math.Max(0, now - seconds * NanosecondsPerSecond);
        }

        if (text.Length >= 10 && text[4] == '-' && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out var point))
        {
            return ToUnixNs(point);
        }

        throw new FormatException($"'{SafeText.Of(text, 40)}' is no time; write 2026-01-31T14:00:00Z, 15m, 24h or 7d");
    }

    /// <summary>Whole seconds of <c>90s</c>, <c>15m</c>, <c>24h</c>, <c>7d</c>; at most ten years.</summary>
    public static bool TryParseSpan(string text, out long seconds)
    {
        seconds = 0;
        if (text.Length < 2
            || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var n))
        {
            return false;
        }

        long unit = text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        const long Longest = 10L * 366 * 86400;
        if (unit == 0 || n > Longest / unit)
        {
            return false;
        }

        seconds = n * unit;
        return true;
    }

    public static long ToUnixNs(DateTimeOffset point) => (point.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;

    /// <summary>UTC to the second, so that screens of different people and the logs of nodes agree.</summary>
    public static string Show(long unixNs) => unixNs <= 0 ? "-" : Point(unixNs).ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string ShowPrecise(long unixNs) =>
        unixNs <= 0 ? "-" : Point(unixNs).ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>The two largest units of a span: <c>23h 58m</c>, <c>2m</c>, <c>40s</c>.</summary>
    public static string ShowSpan(long nanoseconds)
    {
        var seconds = Math.Max(0, nanoseconds) / NanosecondsPerSecond;
        return seconds switch
        {
            < 60 => $"{seconds}s",
            < 3600 => Join(seconds / 60, "m", seconds % 60, "s"),
            < 86400 => Join(seconds / 3600, "h", seconds % 3600 / 60, "m"),
            _ => Join(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
        };
    }

    static string Join(long large, string largeUnit, long small, string smallUnit) =>
        small == 0 ? $"{large}{largeUnit}" : $"{large}{largeUnit} {small}{smallUnit}";

    // Values beyond the calendar come from damaged input; they are shown as its ends rather than thrown.
    static DateTimeOffset Point(long unixNs) => DateTimeOffset.UnixEpoch.AddTicks(unixNs / 100);
}
