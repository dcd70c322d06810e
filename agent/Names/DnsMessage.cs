using System.Buffers.Binary;

namespace RuntimeGuard.Agent.Names;

/// <summary>An address that an answer gives, and for how many seconds.</summary>
readonly record struct DnsAddress(UInt128 Address, uint TtlSeconds);

/// <summary>
/// A DNS message (RFC 1035) as far as names for addresses need it: its one question, and the addresses an answer gives for
/// that. Whatever the bytes are, reading them ends, throws nothing and allocates nothing.
/// </summary>
readonly ref struct DnsMessage
{
    /// <summary>Addresses of one answer that are looked at.</summary>
    public const int MostAddresses = 64;

    const int HeaderBytes = 12;
    const int MostRecords = 128;
    const int MostAliases = 16;
    const ushort TypeA = 1, TypeCname = 5, TypeAaaa = 28, ClassInternet = 1;

    readonly ReadOnlySpan<byte> _message;
    readonly int _answers;

    DnsMessage(ReadOnlySpan<byte> message, ReadOnlySpan<byte> name, int answers)
    {
        _message = message;
        _answers = answers;
        Name = name;
    }

    public ushort Id => BinaryPrimitives.ReadUInt16BigEndian(_message);

    public bool IsAnswer => (_message[2] & 0x80) != 0;

    /// <summary>0: no error.</summary>
    public int ResponseCode => _message[3] & 15;

    /// <summary>What is asked for, in lower case and without a last dot.</summary>
    public ReadOnlySpan<byte> Name { get; }

    /// <summary>False when it is no standard query or answer with exactly one question.</summary>
    /// <param name="name">Room for the name, at least <see cref="DnsName.Longest"/> bytes; the message borrows it.</param>
    public static bool TryRead(ReadOnlySpan<byte> bytes, Span<byte> name, out DnsMessage message)
    {
        message = default;
        const int opcode = 0x78;
        if (bytes.Length < HeaderBytes || (bytes[2] & opcode) != 0 || BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]) != 1)
            return false;
        var at = HeaderBytes;
        if (!DnsName.TryRead(bytes, ref at, name, out var length) || at + 4 > bytes.Length)
            return false;
        message = new DnsMessage(bytes, name[..length], at + 4);
        return true;
    }

    /// <summary>
    /// The addresses the answer gives for the name asked, through aliases (CNAME) in any order; each lives as long as the
    /// shortest record on the way. What was cut off or is malformed ends the reading: what came before it counts.
    /// </summary>
    public int ReadAddresses(Span<DnsAddress> into)
    {
        Span<byte> current = stackalloc byte[DnsName.Longest];
        Span<byte> target = stackalloc byte[DnsName.Longest];
        var length = Name.Length;
        Name.CopyTo(current);
        var ttl = uint.MaxValue;
        for (var alias = 0; alias < MostAliases; alias++)
        {
            var found = Addresses(current[..length], ttl, into);
            if (found > 0)
                return found;
            if (!TryAlias(current[..length], target, out var targetLength, ref ttl))
                return 0;
            target[..targetLength].CopyTo(current);
            length = targetLength;
        }
        return 0;
    }

    int Addresses(ReadOnlySpan<byte> name, uint ttl, Span<DnsAddress> into)
    {
        var found = 0;
        Span<byte> owner = stackalloc byte[DnsName.Longest];
        for (var records = Records(owner); found < into.Length && records.Next();)
        {
            if (!records.Name.SequenceEqual(name))
                continue;
            if ((records.Type == TypeA && records.Data.Length == 4) || (records.Type == TypeAaaa && records.Data.Length == 16))
                into[found++] = new DnsAddress(PeerAddress.Of(records.Data), Math.Min(ttl, records.Ttl));
        }
        return found;
    }

    bool TryAlias(ReadOnlySpan<byte> name, Span<byte> target, out int length, ref uint ttl)
    {
        Span<byte> owner = stackalloc byte[DnsName.Longest];
        for (var records = Records(owner); records.Next();)
        {
            if (records.Type != TypeCname || !records.Name.SequenceEqual(name))
                continue;
            var at = records.DataAt;
            if (!DnsName.TryRead(_message, ref at, target, out length))
                return false;
            ttl = Math.Min(ttl, records.Ttl);
            return true;
        }
        length = 0;
        return false;
    }

    RecordReader Records(Span<byte> owner) =>
        new(_message, _answers, Math.Min(BinaryPrimitives.ReadUInt16BigEndian(_message[6..]), (ushort)MostRecords), owner);

    /// <summary>The records of the answer section, one after the other.</summary>
    ref struct RecordReader(ReadOnlySpan<byte> message, int at, int left, Span<byte> owner)
    {
        readonly ReadOnlySpan<byte> _message = message;
        readonly Span<byte> _owner = owner;
        int _at = at;
        int _left = left;
        int _nameLength;

        public readonly ReadOnlySpan<byte> Name => _owner[.._nameLength];

        public ushort Type { get; private set; }

        public uint Ttl { get; private set; }

        public int DataAt { get; private set; }

        public ReadOnlySpan<byte> Data { get; private set; }

        public bool Next()
        {
            while (_left-- > 0)
            {
                if (!DnsName.TryRead(_message, ref _at, _owner, out _nameLength) || _at + 10 > _message.Length)
                    return false;
                var fixedPart = _message[_at..];
                int length = BinaryPrimitives.ReadUInt16BigEndian(fixedPart[8..]);
                DataAt = _at + 10;
                if (length > _message.Length - DataAt)
                    return false;
                _at = DataAt + length;
                if (BinaryPrimitives.ReadUInt16BigEndian(fixedPart[2..]) != ClassInternet)
                    continue;
                Type = BinaryPrimitives.ReadUInt16BigEndian(fixedPart);
                // The highest bit set means nothing that can be waited for (RFC 2181).
                var ttl = BinaryPrimitives.ReadUInt32BigEndian(fixedPart[4..]);
                Ttl = ttl > int.MaxValue ? 0 : ttl;
                Data = _message.Slice(DataAt, length);
                return true;
            }
            return false;
        }
    }
}
