using System.Buffers.Binary;
using System.Globalization;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

enum PeerScope
{
    Private,
    Public,
    Metadata,
}

/// <summary>Addresses and ports as text and as prefixes.</summary>
static class PeerPattern
{
    const ushort FirstEphemeral = 32768;
    const ushort FirstUnprivileged = 1024;

    /// <summary>Loopback and link-local count as private; an IPv4 address in IPv6 clothes is the IPv4 address.</summary>
    public static PeerScope ScopeOf(ReadOnlySpan<byte> address)
    {
        address = Unmapped(address);
        if (address.Length == 4)
        {
            var value = BinaryPrimitives.ReadUInt32BigEndian(address);
            if (value is 0xA9FE_A9FE or 0xA9FE_AA02 or 0xA9FE_AA17 or 0x6464_64C8) // AWS/GCP/Azure, ECS, EKS, Alibaba
                return PeerScope.Metadata;
            return address[0] is 0 or 10 or 127 or >= 224
                || (address[0] == 172 && address[1] is >= 16 and <= 31)
                || (address[0] == 192 && address[1] == 168)
                || (address[0] == 100 && address[1] is >= 64 and <= 127)
                || (address[0] == 169 && address[1] == 254)
                ? PeerScope.Private : PeerScope.Public;
        }
        if (address.Length != 16)
            return PeerScope.Public;
        if (address.StartsWith(MetadataV6) && address[6..14].IndexOfAnyExcept((byte)0) < 0
            && address[14] == 0x02 && address[15] == 0x54)
            return PeerScope.Metadata;
        return (address[0] & 0xFE) == 0xFC || address[0] == 0xFF || (address[0] == 0xFE && (address[1] & 0xC0) == 0x80)
            || address[..15].IndexOfAnyExcept((byte)0) < 0
            ? PeerScope.Private : PeerScope.Public;
    }

    static ReadOnlySpan<byte> MetadataV6 => [0xFD, 0x00, 0x0E, 0xC2, 0x00, 0x00];

    public static ReadOnlySpan<byte> NameOf(PeerScope scope) => scope switch
    {
        PeerScope.Private => "private"u8,
        PeerScope.Public => "public"u8,
        _ => "metadata"u8,
    };

    public static ReadOnlySpan<byte> NameOfProtocol(byte protocol) => protocol switch
    {
        6 => "tcp"u8,
        17 => "udp"u8,
        1 => "icmp"u8,
        58 => "icmp6"u8,
        132 => "sctp"u8,
        0 => "unix"u8,
        _ => "ip"u8,
    };

    /// <summary>v4 dotted; v6 in full groups within brackets, so that its /64 is a prefix of the text.</summary>
    public static void WriteAddress(ReadOnlySpan<byte> address, scoped ref ByteWriter to)
    {
        address = Unmapped(address);
        if (address.Length == 4)
        {
            for (var i = 0; i < 4; i++)
            {
                if (i > 0)
                    to.Add((byte)'.');
                to.AddNumber(address[i]);
            }
            return;
        }
        if (address.Length != 16)
        {
            to.Add("?"u8);
            return;
        }
        Span<byte> group = stackalloc byte[4];
        to.Add((byte)'[');
        for (var i = 0; i < 16; i += 2)
        {
            if (i > 0)
                to.Add((byte)':');
            var value = BinaryPrimitives.ReadUInt16BigEndian(address[i..]);
            value.TryFormat(group, out var written, "x", CultureInfo.InvariantCulture);
            to.Add(group[..written]);
        }
        to.Add((byte)']');
    }

    /// <summary>Below 1024 literal, from 32768 "eph", between literal until the trie says "high".</summary>
    public static void WritePort(ushort port, scoped ref ByteWriter to)
    {
        if (port >= FirstEphemeral)
            to.Add("eph"u8);
        else
            to.AddNumber(port);
    }

    /// <summary>Literal below 1024, else "eph" or "high".</summary>
    public static void WritePortClass(ushort port, scoped ref ByteWriter to)
    {
        if (port is >= FirstUnprivileged and < FirstEphemeral)
            to.Add("high"u8);
        else
            WritePort(port, ref to);
    }

    public static bool IsMiddlePort(ReadOnlySpan<byte> port) =>
        int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= FirstUnprivileged;

    /// <summary>The text up to and with the last separator of a v4 /24 or v6 /64; the text itself when it is a pattern.</summary>
    public static ReadOnlySpan<byte> PrefixOf(ReadOnlySpan<byte> address)
    {
        if (address is not [(byte)'[', ..])
            return address[..(address.LastIndexOf((byte)'.') + 1)];
        var at = 0;
        for (var groups = 0; groups < 4; groups++)
        {
            var colon = address[at..].IndexOf((byte)':');
            if (colon < 0)
                return address;
            at += colon + 1;
        }
        return address[..at];
    }

    /// <summary>Is the peer of this text of an outgoing connection known by name, or by a pattern of names?</summary>
    public static bool IsNamed(BehaviourClass behaviourClass, ReadOnlySpan<byte> text)
    {
        var colon = text.LastIndexOf((byte)':');
        return behaviourClass == BehaviourClass.NetOut && colon > 0 && !text.StartsWith("unix "u8)
            && IsName(text[(text[..colon].LastIndexOf((byte)' ') + 1)..colon]);
    }

    /// <summary>A name, a pattern of names; else an address, a prefix, or any of them ("*").</summary>
    public static bool IsName(ReadOnlySpan<byte> peer) => peer is not ([(byte)'[', ..] or [(byte)'?']) && !peer.EndsWith((byte)'*')
        && DomainName.IsName(peer);

    static ReadOnlySpan<byte> Unmapped(ReadOnlySpan<byte> address) =>
        address.Length == 16 && address[..10].IndexOfAnyExcept((byte)0) < 0 && address[10] == 0xFF && address[11] == 0xFF
            ? address[12..] : address;
}
