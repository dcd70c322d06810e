namespace RuntimeGuard.Models;

/// <summary>Argument templates: what of a command line is the behaviour, and what is only this time's value.</summary>
static class CommandPattern
{
    const int LongestToken = 64;
    const int MostTokens = 8;
    const int EncodedLength = 16;
    const double EncodedBits = 4.0;

    /// <summary>
    /// Writes " token token ..." of the arguments after <paramref name="skip"/>. Beyond eight, only flags are kept.
    /// Returns an order-free hash of the flags and the first bare word, for level 1.
    /// </summary>
    /// <param name="arguments">Each ended by a zero byte.</param>
    /// <param name="code">The code argument of a shell, empty when there is none.</param>
    public static ulong Write(ReadOnlySpan<byte> arguments, int skip, ReadOnlySpan<byte> command, ToolKind kind,
        scoped ref ByteWriter to, out ReadOnlySpan<byte> code)
    {
        code = default;
        ulong shape = 0;
        var (position, codeNext, wordSeen, dropped) = (0, false, false, false);
        while (!arguments.IsEmpty)
        {
            var end = arguments.IndexOf((byte)0);
            var token = end < 0 ? arguments : arguments[..end];
            arguments = end < 0 ? default : arguments[(end + 1)..];
            if (skip-- > 0)
                continue;
            var isFlag = token is [(byte)'-', _, ..];
            if (codeNext)
            {
                codeNext = false;
                to.Add((byte)' ');
                WriteCode(token, kind, ref to);
                code = kind == ToolKind.Shell ? token : default;
                position++;
                continue;
            }
            if (position >= MostTokens && !isFlag)
            {
                dropped = true;
                continue;
            }
            var before = to.Length;
            to.Add((byte)' ');
            WriteToken(token, ref to);
            var written = to.Written[(before + 1)..];
            if (isFlag || !wordSeen)
                shape = unchecked(shape + KeyHash.Of(written));
            wordSeen |= !isFlag;
            codeNext = code.IsEmpty && Tools.TakesCode(command, kind, token);
            position++;
        }
        if (dropped)
            to.Add(" …"u8);
        return shape;
    }

    /// <summary>One token by its class: flag, path, number, host or url, encoded, word.</summary>
    public static void WriteToken(ReadOnlySpan<byte> token, scoped ref ByteWriter to)
    {
        if (token.IsEmpty)
        {
            to.Add("''"u8);
            return;
        }
        if (token.SequenceEqual("<secret>"u8))
        {
            to.Add(token);
            return;
        }
        if (token.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0)
        {
            to.Add("<n>"u8);
            return;
        }
        var equals = token[0] == '-' ? token.IndexOf((byte)'=') : -1;
        if (equals > 0)
        {
            PathPattern.WriteToken(Cut(token[..equals]), ref to);
            to.Add((byte)'=');
            WriteToken(token[(equals + 1)..], ref to);
            return;
        }
        var scheme = token.IndexOf("://"u8);
        if (scheme is > 0 and < 12)
        {
            var host = token[(scheme + 3)..];
            var slash = host.IndexOfAny((byte)'/', (byte)'?', (byte)'#');
            host = slash < 0 ? host : host[..slash];
            PathPattern.Plain(token[..(scheme + 3)], ref to);
            PathPattern.Plain(Cut(host[(host.LastIndexOf((byte)'@') + 1)..]), ref to);
            if (slash >= 0)
                to.Add("/…"u8);
        }
        else if (token[0] == '/' || token.StartsWith("./"u8) || token.StartsWith("../"u8))
            PathPattern.Canonicalise(token, ref to);
        else if (token.Length >= EncodedLength && token[0] != '-' && token.IndexOfAny((byte)' ', (byte)'/') < 0
            && Entropy(token) >= EncodedBits)
            to.Add("<b64>"u8);
        else
        {
            PathPattern.WriteToken(Cut(token), ref to);
            if (token.Length > LongestToken)
                to.Add("…"u8);
        }
    }

    /// <summary>Shell code as the set of its commands; other languages by a hash of the code without its numbers.</summary>
    static void WriteCode(ReadOnlySpan<byte> code, ToolKind kind, scoped ref ByteWriter to)
    {
        if (kind == ToolKind.Shell)
        {
            Span<Range> words = stackalloc Range[ShellWords.Most];
            var count = ShellWords.Find(code, words, out var more);
            to.Add((byte)'{');
            for (var i = 0; i < count; i++)
            {
                if (i > 0)
                    to.Add((byte)',');
                PathPattern.WriteToken(Cut(code[words[i]]), ref to);
            }
            if (more)
                to.Add(",…"u8);
            to.Add((byte)'}');
            return;
        }
        var start = to.Length;
        PathPattern.WriteToken(code.Length > PathPattern.LongestPath ? code[..PathPattern.LongestPath] : code, ref to);
        var hash = KeyHash.Of(to.Written[start..]);
        to.Length = start;
        Span<byte> digits = stackalloc byte[16];
        hash.TryFormat(digits, out _, "x16", System.Globalization.CultureInfo.InvariantCulture);
        to.Add("[code "u8);
        to.Add(digits[..8]);
        to.Add((byte)']');
    }

    /// <summary>Shannon entropy of the bytes, bits per byte.</summary>
    public static double Entropy(ReadOnlySpan<byte> text)
    {
        Span<int> counts = stackalloc int[256];
        foreach (var one in text)
            counts[one]++;
        var bits = 0.0;
        foreach (var count in counts)
            if (count > 0)
                bits -= (double)count / text.Length * Math.Log2((double)count / text.Length);
        return bits;
    }

    static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> token) => token.Length > LongestToken ? token[..LongestToken] : token;
}
