using System.Buffers.Binary;

namespace RuntimeGuard.Agent.Names;

/// <summary>An address as one number: IPv4 in its IPv6 clothes, so that both ways of writing it are one.</summary>
static class PeerAddress
{
    const ulong MappedV4 = 0xFFFF_0000_0000;

    /// <summary>Of 4 or 16 bytes in network order; 0 for any other length.</summary>
    public static UInt128 Of(ReadOnlySpan<byte> address) => address.Length switch
    {
        4 => new UInt128(0, MappedV4 | BinaryPrimitives.ReadUInt32BigEndian(address)),
        16 => BinaryPrimitives.ReadUInt128BigEndian(address),
        _ => 0,
    };

    /// <summary>127.0.0.0/8 and ::1.</summary>
    public static bool IsLoopback(UInt128 address) =>
        address == 1 || (address >> 24) == (new UInt128(0, MappedV4 | 0x7F00_0000) >> 24);
}
