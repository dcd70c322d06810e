using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>struct rg_dns_event.</summary>
[StructLayout(LayoutKind.Sequential)]
struct DnsFixed
{
    public EventHeader Header;
    /// <summary>First, so that <see cref="DnsEvent.Server"/> can borrow it from the sample.</summary>
    public AddressBytes Server;
    public uint NetNs;
    public ushort Family;
    public ushort ClientPort;
    public ushort PayloadLen;
    public byte Answer;
    public byte Loopback;
    public uint Pad;
}

/// <summary>A DNS question on its way to port 53, or what came back from there; the spans borrow the sample.</summary>
readonly ref struct DnsEvent
{
    readonly DnsFixed _fixed;

    DnsEvent(scoped in DnsFixed fixedPart, ReadOnlySpan<byte> sample, ReadOnlySpan<byte> rest)
    {
        _fixed = fixedPart;
        Server = AddressFamilies.Take(_fixed.Family, sample[Unsafe.SizeOf<EventHeader>()..]);
        Message = rest[.._fixed.PayloadLen];
    }

    /// <summary>Pid 0 where it is not known who asked; always of an answer.</summary>
    public EventHeader Header => _fixed.Header;
    public bool IsAnswer => _fixed.Answer != 0;
    /// <summary>Inode number of the asking socket's network namespace; 0: not known.</summary>
    public uint NetNamespace => _fixed.NetNs;
    public ushort ClientPort => _fixed.ClientPort;
    /// <summary>The packet never left the network namespace: whoever is in it may have sent it.</summary>
    public bool OverLoopback => _fixed.Loopback != 0;
    /// <summary>The side with port 53, as the packet has it: 4 or 16 bytes, network order.</summary>
    public ReadOnlySpan<byte> Server { get; }
    /// <summary>The DNS message, cut and flagged when longer than <see cref="KernelEvent.DnsMax"/>.</summary>
    public ReadOnlySpan<byte> Message { get; }

    public static bool TryRead(ReadOnlySpan<byte> sample, out DnsEvent e)
    {
        e = default;
        if (!KernelEvent.TryRead(sample, EventKinds.Dns, EventKinds.Dns, out DnsFixed f, out var rest) ||
            f.PayloadLen > rest.Length)
            return false;
        e = new DnsEvent(f, sample, rest);
        return true;
    }
}
