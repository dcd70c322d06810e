using System.Globalization;
using System.Text;

namespace RuntimeGuard.Agent.Containers;

/// <summary>Text from runtimes and cgroup names is an attacker's: it is cut to a length and made harmless to show.</summary>
static class RuntimeText
{
    public const int MaxName = 256;

    /// <summary>Of a path that stands for an image: the collector takes names of 512.</summary>
    public const int MaxImage = 256;

    /// <summary>
    /// At most <paramref name="max"/> characters, with every control, format (bidirectional, zero width), line separator,
    /// private-use and broken surrogate character replaced by U+FFFD. Returns the same instance when nothing was wrong.
    /// </summary>
    public static string Clean(string? text, int max) => Clean(text, max, out _);

    public static string Clean(string? text, int max, out bool changed)
    {
        changed = false;
        if (string.IsNullOrEmpty(text))
            return "";
        var end = Math.Min(text.Length, max);
        if (end < text.Length && char.IsHighSurrogate(text[end - 1]))
            end--;
        var clean = end == text.Length;
        for (var i = 0; clean && i < end; i++)
            clean = text[i] is >= ' ' and < '\x7f';
        if (clean)
            return text;

        var into = new StringBuilder(end);
        foreach (var rune in text.AsSpan(0, end).EnumerateRunes())
            into.Append((IsHarmless(rune) ? rune : Rune.ReplacementChar).ToString());
        var result = into.ToString();
        changed = result != text;
        return changed ? result : text;
    }

    static bool IsHarmless(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate);
}
