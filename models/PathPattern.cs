namespace RuntimeGuard.Models;

/// <summary>
/// Canonical paths: what changes from one container, process or day to the next is replaced before learning.
/// Canonical bytes hold none of <c>* &lt; &gt;</c>, blanks or controls of the path itself, so patterns cannot be forged.
/// </summary>
static class PathPattern
{
    public const int LongestPath = 4096;

    /// <summary>
    /// Writes the path without ".", ".." and doubled slashes; process ids, mounted-volume generations, uuids, hexadecimal
    /// runs, numbers and temporary names replaced. Protected paths keep their names: only ids and generations go.
    /// </summary>
    public static void Canonicalise(ReadOnlySpan<byte> path, scoped ref ByteWriter to)
    {
        if (path.Length > LongestPath)
            path = path[..LongestPath];
        var literal = SensitivePaths.IsProtected(path);
        var start = to.Length;
        var absolute = path is [(byte)'/', ..];
        foreach (var range in path.Split((byte)'/'))
        {
            var segment = path[range];
            if (segment.IsEmpty || segment.SequenceEqual("."u8))
                continue;
            if (segment.SequenceEqual(".."u8))
            {
                var last = to.Written[start..].LastIndexOf((byte)'/');
                to.Length = start + Math.Max(last, 0);
                continue;
            }
            var before = to.Written[start..];
            var inProc = before.StartsWith("/proc"u8) && (before.Length == 5 || before[5] == '/');
            var inTemporary = before.EndsWith("/tmp"u8);
            if (absolute || to.Length > start)
                to.Add((byte)'/');
            WriteSegment(segment, literal, inProc, inTemporary, ref to);
        }
        if (to.Length == start && absolute)
            to.Add((byte)'/');
    }

    static void WriteSegment(ReadOnlySpan<byte> segment, bool literal, bool inProc, bool inTemporary, scoped ref ByteWriter to)
    {
        if (inProc && segment.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0)
            to.Add("<n>"u8);
        else if (segment.Length > 12 && segment.StartsWith("..20"u8) && segment.Contains((byte)'_'))
            to.Add("..data"u8);
        else if (literal)
            Plain(segment, ref to);
        else if (segment.Length >= 10 && segment.StartsWith("tmp."u8) && !segment[4..].Contains((byte)'.'))
            to.Add("tmp.<r>"u8);
        else if (inTemporary && segment.Length == 9 && segment.StartsWith("php"u8))
            to.Add("php<r>"u8);
        else
            WriteToken(segment, ref to);
    }

    /// <summary>One name or word: uuids, hexadecimal runs of 8 and more with a digit, and numbers of 2 and more digits go.</summary>
    public static void WriteToken(scoped ReadOnlySpan<byte> token, scoped ref ByteWriter to)
    {
        while (!token.IsEmpty)
        {
            if (UuidAt(token))
            {
                to.Add("<uuid>"u8);
                token = token[36..];
                continue;
            }
            var run = token.IndexOfAnyExcept(Hexadecimal);
            run = run < 0 ? token.Length : run;
            // A run that goes on into a longer word ("feedback9" after "dec") is not a hexadecimal number.
            var whole = run == token.Length || !IsLetter(token[run]);
            if (run >= 8 && whole && token[..run].IndexOfAnyInRange((byte)'0', (byte)'9') >= 0)
            {
                to.Add(token[..run].IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 ? "<n>"u8 : "<h>"u8);
                token = token[run..];
                continue;
            }
            var digits = token.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
            digits = digits < 0 ? token.Length : digits;
            if (digits >= 2)
            {
                to.Add("<n>"u8);
                token = token[digits..];
                continue;
            }
            // Letters go as one run, so that a hexadecimal run is looked for at the start of a word only.
            var plain = Math.Max(1, digits);
            if (digits == 0 && IsLetter(token[0]))
                while (plain < token.Length && IsLetter(token[plain]))
                    plain++;
            Plain(token[..plain], ref to);
            token = token[plain..];
        }
    }

    /// <summary>As it is, but for what the notation of patterns and the display reserve.</summary>
    public static void Plain(scoped ReadOnlySpan<byte> text, scoped ref ByteWriter to)
    {
        foreach (var one in text)
            to.Add(one is <= 0x20 or 0x7F or (byte)'*' or (byte)'<' or (byte)'>' ? (byte)'_' : one);
    }

    static readonly System.Buffers.SearchValues<byte> Hexadecimal =
        System.Buffers.SearchValues.Create("0123456789abcdefABCDEF"u8);

    static bool IsLetter(byte one) => (one | 0x20) is >= (byte)'a' and <= (byte)'z';

    static bool UuidAt(ReadOnlySpan<byte> token)
    {
        if (token.Length < 36 || token[8] != '-' || token[13] != '-' || token[18] != '-' || token[23] != '-')
            return false;
        return token[..8].IndexOfAnyExcept(Hexadecimal) < 0 && token[9..13].IndexOfAnyExcept(Hexadecimal) < 0
            && token[14..18].IndexOfAnyExcept(Hexadecimal) < 0 && token[19..23].IndexOfAnyExcept(Hexadecimal) < 0
            && token[24..36].IndexOfAnyExcept(Hexadecimal) < 0;
    }
}
