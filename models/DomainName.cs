namespace RuntimeGuard.Models;

/// <summary>
/// Canonical names of hosts: lower case, without a last dot. Below the registrable domain what changes from one replica or
/// day to the next is replaced as in paths; the domain itself never is, or who registers "a12.example" would be "a34.example".
/// </summary>
static class DomainName
{
    /// <summary>Of the text form.</summary>
    public const int Longest = 253;

    const int ShortestRandom = 16;
    const double RandomBits = 3.0; // per character
    const int LongConsonants = 6;

    static ReadOnlySpan<byte> ClusterSuffix => ".svc.cluster.local"u8;

    /// <summary>Does it name a host? An address written as a name does not.</summary>
    public static bool IsName(ReadOnlySpan<byte> name)
    {
        name = Trimmed(name);
        return !name.IsEmpty && name.Length <= Longest && !IsNumber(name[(name.LastIndexOf((byte)'.') + 1)..]);
    }

    /// <summary>
    /// Services of the cluster are "name.namespace.svc" however they are asked for; names of addresses are all the same to who
    /// asks. What is no name is written as such.
    /// </summary>
    public static void Write(ReadOnlySpan<byte> asked, scoped ref ByteWriter to)
    {
        if (!IsName(asked))
        {
            to.Add("<address>"u8);
            return;
        }
        Span<byte> lower = stackalloc byte[Longest];
        asked = Trimmed(asked);
        for (var i = 0; i < asked.Length; i++)
            lower[i] = asked[i] is >= (byte)'A' and <= (byte)'Z' ? (byte)(asked[i] | 0x20) : asked[i];
        ReadOnlySpan<byte> name = lower[..asked.Length];
        if (name.EndsWith(".in-addr.arpa"u8) || name.EndsWith(".ip6.arpa"u8))
        {
            to.Add("<address>"u8);
            to.Add(name.EndsWith(".ip6.arpa"u8) ? ".ip6.arpa"u8 : ".in-addr.arpa"u8);
            return;
        }
        if (name.Length > ClusterSuffix.Length && name.EndsWith(ClusterSuffix))
            name = name[..^".cluster.local".Length];
        var domain = PublicSuffixes.DomainAt(name);
        for (var at = 0; at < domain;)
        {
            var dot = name[at..].IndexOf((byte)'.');
            PathPattern.WriteToken(name.Slice(at, dot), ref to);
            to.Add((byte)'.');
            at += dot + 1;
        }
        PathPattern.Plain(name[domain..], ref to);
    }

    /// <summary>The registrable domain of a canonical name.</summary>
    public static ReadOnlySpan<byte> DomainOf(ReadOnlySpan<byte> canonical) => canonical[PublicSuffixes.DomainAt(canonical)..];

    /// <summary>What comes before the registrable domain of a canonical name, without its dot.</summary>
    public static ReadOnlySpan<byte> Below(ReadOnlySpan<byte> canonical) =>
        canonical[..Math.Max(0, PublicSuffixes.DomainAt(canonical) - 1)];

    /// <summary>Has it a label that looks made by a machine: an identifier, or long and neither words nor a number of one?</summary>
    public static bool IsRandom(ReadOnlySpan<byte> labels)
    {
        if (labels.SequenceEqual("*x"u8) || labels.IndexOf("<h>"u8) >= 0 || labels.IndexOf("<uuid>"u8) >= 0)
            return true;
        while (true)
        {
            var dot = labels.IndexOf((byte)'.');
            if (IsRandomLabel(dot < 0 ? labels : labels[..dot]))
                return true;
            if (dot < 0)
                return false;
            labels = labels[(dot + 1)..];
        }
    }

    /// <summary>0 to 3: to 32 bytes, to 64, to 128, more.</summary>
    public static int LengthBucket(int length) => length <= 32 ? 0 : length <= 64 ? 1 : length <= 128 ? 2 : 3;

    /// <summary>Long, of many different characters, and with digits among the letters or more consonants together than words have.</summary>
    static bool IsRandomLabel(ReadOnlySpan<byte> label)
    {
        if (label.Length < ShortestRandom)
            return false;
        Span<byte> counts = stackalloc byte[256];
        counts.Clear();
        var (changes, run, longest) = (0, 0, 0);
        for (var i = 0; i < label.Length; i++)
        {
            counts[label[i]]++;
            if (i > 0 && IsDigit(label[i]) != IsDigit(label[i - 1]) && label[i] != '-' && label[i - 1] != '-')
                changes++;
            run = IsConsonant(label[i]) ? run + 1 : 0;
            longest = Math.Max(longest, run);
        }
        var bits = 0.0;
        foreach (var count in counts)
            if (count > 0)
                bits -= count / (double)label.Length * Math.Log2(count / (double)label.Length);
        return bits >= RandomBits && (changes >= 3 || longest >= LongConsonants);
    }

    static ReadOnlySpan<byte> Trimmed(ReadOnlySpan<byte> name) => name is [.., (byte)'.'] ? name[..^1] : name;

    static bool IsNumber(ReadOnlySpan<byte> label) => label.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0;

    static bool IsDigit(byte one) => one is >= (byte)'0' and <= (byte)'9';

    static bool IsConsonant(byte one) => one is >= (byte)'a' and <= (byte)'z' && "aeiouy"u8.IndexOf(one) < 0;
}
