using System.Buffers;
using System.Globalization;
using System.Text;

namespace RuntimeGuard.Models;

/// <summary>Bytes of a container, made fit to be shown: control, format and invalid characters become visible escapes.</summary>
static class PrintableText
{
    public static string Of(ReadOnlySpan<byte> bytes, int most = 512)
    {
        var text = new StringBuilder(Math.Min(bytes.Length, most) + 8);
        while (!bytes.IsEmpty)
        {
            if (text.Length >= most)
                return text.Append('…').ToString();
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var used) != OperationStatus.Done)
                foreach (var odd in bytes[..used])
                    text.Append(CultureInfo.InvariantCulture, $"\\x{odd:x2}");
            else if (Hides(rune))
                text.Append(rune.Value <= 0xFF
                    ? string.Create(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}")
                    : string.Create(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}"));
            else
                text.Append(rune.ToString());
            bytes = bytes[used..];
        }
        return text.ToString();
    }

    /// <summary>Does <see cref="Of"/> show these bytes as this text? Allocates only where they are not plain ASCII.</summary>
    public static bool IsOf(ReadOnlySpan<byte> bytes, string text, int most)
    {
        if (bytes.Length > most || bytes.IndexOfAnyExceptInRange((byte)0x20, (byte)0x7E) >= 0)
            return Of(bytes, most) == text;
        return Ascii.Equals(bytes, text);
    }

    static bool Hides(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
