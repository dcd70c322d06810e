namespace RuntimeGuard.Models;

/// <summary>
/// Absolute paths without ".", ".." and doubled slashes, as the text alone tells: a symbolic link on the way is not followed.
/// What is not an absolute path is left as it is.
/// </summary>
static class NormalPath
{
    /// <summary>Longest path written; a longer one is cut there.</summary>
    public const int Longest = PathPattern.LongestPath + 512;

    public static bool Is(ReadOnlySpan<byte> path)
    {
        if (path is not [(byte)'/', ..])
            return true;
        var rest = path;
        while (rest.IndexOf((byte)'/') is >= 0 and var slash)
        {
            rest = rest[(slash + 1)..];
            if (rest.IsEmpty)
                return path.Length == 1;
            if (rest[0] == '/' || IsDots(rest))
                return false;
        }
        return true;
    }

    /// <summary>The normal form, in <paramref name="to"/> or the path itself when it is normal already.</summary>
    public static ReadOnlySpan<byte> Write(ReadOnlySpan<byte> path, Span<byte> to)
    {
        if (Is(path))
            return path;
        var length = 0;
        foreach (var range in path.Split((byte)'/'))
        {
            var segment = path[range];
            if (segment.IsEmpty || segment.SequenceEqual("."u8))
                continue;
            if (segment.SequenceEqual(".."u8))
            {
                length = Math.Max(0, to[..length].LastIndexOf((byte)'/'));
                continue;
            }
            if (length + 1 + segment.Length > to.Length)
                break;
            to[length++] = (byte)'/';
            segment.CopyTo(to[length..]);
            length += segment.Length;
        }
        if (length == 0)
            to[length++] = (byte)'/';
        return to[..length];
    }

    /// <summary>"." or ".." up to the next slash or the end.</summary>
    static bool IsDots(ReadOnlySpan<byte> rest) =>
        rest is [(byte)'.'] or [(byte)'.', (byte)'/', ..] or [(byte)'.', (byte)'.'] or [(byte)'.', (byte)'.', (byte)'/', ..];
}
