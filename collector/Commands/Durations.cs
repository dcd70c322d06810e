using System.CommandLine.Parsing;
using System.Globalization;

namespace RuntimeGuard.Collector.Commands;

/// <summary>Durations as people write them: 90s, 15m, 24h, 7d.</summary>
static class Durations
{
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        if (text.Length < 2 ||
            !double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }
        var unit = text[^1] switch
        {
            's' => TimeSpan.FromSeconds(1),
            'm' => TimeSpan.FromMinutes(1),
            'h' => TimeSpan.FromHours(1),
            'd' => TimeSpan.FromDays(1),
            _ => TimeSpan.Zero,
        };
        // Ten years: beyond it nanosecond arithmetic of later sums could overflow.
        if (unit == TimeSpan.Zero || number <= 0 || number * unit.TotalDays > 3650)
        {
            return false;
        }
        duration = number * unit;
        return true;
    }

    public static TimeSpan Parse(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (!TryParse(text, out var duration))
        {
            result.AddError($"'{text}' is not a duration; write a number and s, m, h or d, such as 90s or 24h, up to 3650d");
        }
        return duration;
    }
}
