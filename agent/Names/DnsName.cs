namespace RuntimeGuard.Agent.Names;

/// <summary>Names inside a DNS message, read with every length and every pointer checked.</summary>
static class DnsName
{
    /// <summary>Longest name in the text form used here, without a last dot (RFC 1035: 255 bytes on the wire).</summary>
    public const int Longest = 253;

    const int LongestLabel = 63;
    const int PointerBits = 0xC0;
    const int MostPointers = 32;

    /// <summary>
    /// Writes the name at <paramref name="at"/> in lower case, labels joined by dots, every byte that a host name does not
    /// have as '_'; the root is empty. False when it is malformed. Pointers must lead backwards, so none leads round.
    /// </summary>
    /// <param name="at">In: where it begins. Out: where what follows it begins.</param>
    /// <param name="name">At least <see cref="Longest"/> bytes.</param>
    public static bool TryRead(ReadOnlySpan<byte> message, ref int at, Span<byte> name, out int length)
    {
        length = 0;
        var (position, end, pointers, earliest) = (at, -1, 0, at);
        while (true)
        {
            if (position >= message.Length)
                return false;
            int first = message[position];
            if ((first & PointerBits) == PointerBits)
            {
                if (position + 1 >= message.Length || ++pointers > MostPointers)
                    return false;
                if (end < 0)
                    end = position + 2;
                position = ((first & ~PointerBits) << 8) | message[position + 1];
                if (position >= earliest)
                    return false;
                earliest = position;
                continue;
            }
            if (first > LongestLabel || position + 1 + first > message.Length)
                return false;
            position++;
            if (first == 0)
                break;
            if (length + first + (length > 0 ? 1 : 0) > Longest)
                return false;
            if (length > 0)
                name[length++] = (byte)'.';
            foreach (var one in message.Slice(position, first))
                name[length++] = Plain(one);
            position += first;
        }
        at = end < 0 ? position : end;
        return true;
    }

    static byte Plain(byte one) => one switch
    {
        >= (byte)'A' and <= (byte)'Z' => (byte)(one | 0x20),
        (>= (byte)'a' and <= (byte)'z') or (>= (byte)'0' and <= (byte)'9') or (byte)'-' or (byte)'_' => one,
        _ => (byte)'_',
    };
}
