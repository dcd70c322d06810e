using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace RuntimeGuard.Collector.History;

/// <summary>Addresses from First to Last, as 128-bit numbers; IPv4 is mapped into IPv6 (RFC 4291, 2.5.5.2).</summary>
readonly record struct PeerRange(UInt128 First, UInt128 Last)
{
    /// <summary>The number of an address, or null when the text is none (a unix socket's path, nothing).</summary>
    public static UInt128? Number(string text) =>
        text.Length is > 1 and < 64 && IPAddress.TryParse(text, out var address) ? Number(address) : null;

    /// <exception cref="FormatException">Neither an address, nor CIDR, nor address:port.</exception>
    public static (PeerRange? Peer, ushort? Port) Parse(string text)
    {
        if (text.Length == 0)
        {
            return (null, null);
        }
        if (IPAddress.TryParse(text, out var address))
        {
            return (new PeerRange(Number(address), Number(address)), null);
        }
        if (IPNetwork.TryParse(text, out var network))
        {
            var hostBits = (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 32 : 128) - network.PrefixLength;
            var first = Number(network.BaseAddress);
            var hosts = hostBits == 128 ? UInt128.MaxValue : (UInt128.One << hostBits) - 1;
            return (new PeerRange(first, first | hosts), null);
        }
        var colon = text.LastIndexOf(':');
        if (colon > 0 && IPAddress.TryParse(text[..colon], out var host) &&
            ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return (new PeerRange(Number(host), Number(host)), port);
        }
        throw new FormatException($"peer '{text}' is not an address, a CIDR range such as 10.0.0.0/8, or address:port");
    }

    static UInt128 Number(IPAddress address) => BinaryPrimitives.ReadUInt128BigEndian(address.MapToIPv6().GetAddressBytes());
}
