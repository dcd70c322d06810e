namespace RuntimeGuard.Models;

/// <summary>The type of a name: w letters, n with a number, x with a hexadecimal or random part, m anything else; and its extension.</summary>
readonly ref struct NameShape
{
    const int LongestExtension = 8;

    readonly byte _shape;
    readonly ReadOnlySpan<byte> _extension;

    NameShape(byte shape, ReadOnlySpan<byte> extension)
    {
        _shape = shape;
        _extension = extension;
    }

    public static bool IsPattern(ReadOnlySpan<byte> name) => name is [(byte)'*', _, ..];

    public static NameShape Of(ReadOnlySpan<byte> name)
    {
        var dot = name.LastIndexOf((byte)'.');
        var extension = dot > 0 && name.Length - dot - 1 is > 0 and <= LongestExtension && IsWord(name[(dot + 1)..])
            ? name[dot..] : default;
        if (IsPattern(name))
            return new NameShape(name[1], extension);
        var stem = name[..(name.Length - extension.Length)];
        if (stem.IndexOf("<h>"u8) >= 0 || stem.IndexOf("<uuid>"u8) >= 0 || stem.IndexOf("<r>"u8) >= 0)
            return new NameShape((byte)'x', extension);
        if (stem.IndexOf("<n>"u8) >= 0)
            return new NameShape((byte)'n', extension);
        return new NameShape(IsWord(stem) ? (byte)'w' : (byte)'m', extension);
    }

    public ulong Hash(bool leaf) => KeyHash.Of(_shape | (leaf ? 0x100ul : 0), _extension);

    public void WritePattern(scoped ref ByteWriter to)
    {
        to.Add((byte)'*');
        to.Add(_shape);
        to.Add(_extension);
    }

    static bool IsWord(ReadOnlySpan<byte> text)
    {
        foreach (var one in text)
            if ((one | 0x20) is < (byte)'a' or > (byte)'z')
                return false;
        return !text.IsEmpty;
    }
}
