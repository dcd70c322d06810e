using System.Globalization;
using System.Text;

namespace RuntimeGuard.Cli;

/// <summary>
/// The one way for text that others wrote (paths, arguments, container names, rules) to reach a terminal. Names in
/// containers are an attacker's to choose: an escape sequence must not repaint the screen, a bidirectional override
/// must not reverse a path, a newline must not forge a line of its own.
/// </summary>
static class SafeText
{
    /// <summary>
    /// The text with every rune that is no visible character (controls, format and bidirectional marks, line and
    /// paragraph separators, private use, unassigned, halves of surrogate pairs) shown as its code, <c>\x1b</c> or
    /// <c>\u{202e}</c>, and every other space as a plain one. At most <paramref name="limit"/> runes of the text; what was cut is an ellipsis.
    /// </summary>
    public static string Of(string? text, int limit = int.MaxValue)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        var shown = new StringBuilder(Math.Min(text.Length, limit));
        var runes = 0;
        for (var i = 0; i < text.Length;)
        {
            if (++runes > limit)
            {
                return shown.Append('…').ToString();
            }

            if (!Rune.TryGetRuneAt(text, i, out var rune))
            {
                Escape(shown, text[i++]);
                continue;
            }

            i += rune.Utf16SequenceLength;
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.Control:
                case UnicodeCategory.Format:
                case UnicodeCategory.LineSeparator:
                case UnicodeCategory.ParagraphSeparator:
                case UnicodeCategory.PrivateUse:
                case UnicodeCategory.Surrogate:
                case UnicodeCategory.OtherNotAssigned:
                    Escape(shown, rune.Value);
                    break;
                case UnicodeCategory.SpaceSeparator:
                    shown.Append(' ');
                    break;
                default:
                    shown.Append(rune);
                    break;
            }
        }

        return shown.ToString();
    }

    /// <summary>Arguments as one line; one that holds a space, a quote or nothing is quoted so that its bounds show.</summary>
    public static string OfArguments(IEnumerable<string> arguments, int limit = int.MaxValue) =>
        Of(string.Join(' ', arguments.Select(Quote)), limit);

    static string Quote(string argument) =>
        argument.Length > 0 && !argument.AsSpan().ContainsAny(" '\"\t\n")
            ? argument
            : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    static void Escape(StringBuilder shown, int value) =>
        shown.Append(value <= 0xff ? $"\\x{value:x2}" : $"\\u{{{value:x}}}");
}
