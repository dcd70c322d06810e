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

    /// <summary>Is it plain ASCII, so that all of it can be shown?</summary>
    public static bool Is(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExceptInRange((byte)0x20, (byte)0x7E) < 0;

    /// <summary>The same as <see cref="Of"/> in UTF-8, of any length and without allocating. Written again it stays as it is.</summary>
    public static void Write(ReadOnlySpan<byte> bytes, scoped ref ByteWriter to)
    {
        Span<byte> escape = stackalloc byte[16];
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var used) != OperationStatus.Done)
                foreach (var odd in bytes[..used])
                    to.Add(escape[..Escape(odd, escape)]);
            else if (Hides(rune))
                to.Add(escape[..Escape(rune.Value, escape)]);
            else
                to.Add(bytes[..used]);
            bytes = bytes[used..];
        }
    }

    /// <summary>Two digits up to 255, braces beyond.</summary>
    static int Escape(int value, Span<byte> to)
    {
        var narrow = value <= 0xFF;
        (narrow ? "\\x"u8 : "\\u{"u8).CopyTo(to);
        var at = narrow ? 2 : 3;
        value.TryFormat(to[at..], out var digits, narrow ? "x2" : "x", CultureInfo.InvariantCulture);
        at += digits;
        if (!narrow)
            to[at++] = (byte)'}';
        return at;
    }

    static bool Hides(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
