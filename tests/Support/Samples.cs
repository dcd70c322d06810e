using System.Buffers.Binary;
using System.Text;

namespace RuntimeGuard.Tests.Support;

/// <summary>Kernel samples written by hand, byte by byte after events.h: what a recording of the rings would hold.</summary>
static class Samples
{
    const int HeaderSize = 88;

    public sealed record Who(uint Pid, ulong StartNs, uint ParentPid = 1, ulong ParentStartNs = 1)
    {
        public ulong CgroupId { get; init; } = 100;
        public uint Slot { get; init; } = 1;
        public ulong TimeNs { get; init; } = 1_000_000_000;
    }

    public static byte[] Cgroup(ulong id, uint slot, string path, ushort kind = 40, uint flags = 0)
    {
        var text = Encoding.UTF8.GetBytes(path);
        var sample = Begin(kind, new Who(0, 0) { CgroupId = id, Slot = slot }, 8, text.Length, flags, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(sample.AsSpan(HeaderSize + 4), (ushort)text.Length);
        text.CopyTo(sample, HeaderSize + 8);
        return sample;
    }

    public static byte[] Fork(Who child) => Begin(1, child, 0, 0, 0, 0);

    public static byte[] Exec(Who who, string exe, string[] arguments, uint flags = 0, uint nsPid = 7, uint mountNs = 77)
    {
        var path = Encoding.UTF8.GetBytes(exe);
        var block = Encoding.UTF8.GetBytes(string.Concat(arguments.Select(a => a + "\0")));
        var sample = Begin(2, who, 32, path.Length + block.Length, flags, 0);
        var at = sample.AsSpan(HeaderSize);
        BinaryPrimitives.WriteUInt32LittleEndian(at[12..], mountNs);
        BinaryPrimitives.WriteUInt32LittleEndian(at[16..], nsPid);
        BinaryPrimitives.WriteUInt16LittleEndian(at[20..], (ushort)path.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(at[24..], (ushort)block.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(at[26..], (ushort)arguments.Length);
        path.CopyTo(at[32..]);
        block.CopyTo(at[(32 + path.Length)..]);
        return sample;
    }

    public static byte[] Exit(Who who, int code = 0)
    {
        var sample = Begin(3, who, 8, 0, 0, 0);
        BinaryPrimitives.WriteInt32LittleEndian(sample.AsSpan(HeaderSize), code);
        return sample;
    }

    public static byte[] File(ushort kind, Who who, string path, uint flags = 0, int result = 0, uint mode = 0)
    {
        var text = Encoding.UTF8.GetBytes(path);
        var sample = Begin(kind, who, 48, text.Length, flags, result);
        var at = sample.AsSpan(HeaderSize);
        BinaryPrimitives.WriteUInt32LittleEndian(at[28..], mode);
        BinaryPrimitives.WriteUInt16LittleEndian(at[40..], (ushort)text.Length);
        text.CopyTo(at[48..]);
        return sample;
    }

    public static byte[] Connect(Who who, byte[] peer, ushort port, int result = 0)
    {
        var sample = Begin(20, who, 48, 0, 0, result);
        var at = sample.AsSpan(HeaderSize);
        peer.CopyTo(at);
        BinaryPrimitives.WriteUInt16LittleEndian(at[36..], (ushort)(peer.Length == 4 ? 2 : 10));
        BinaryPrimitives.WriteUInt16LittleEndian(at[38..], port);
        at[42] = 6;
        return sample;
    }

    /// <summary>A DNS message between port 53 of a server and this port of the container.</summary>
    public static byte[] Dns(Who who, byte[] server, ushort clientPort, byte[] message, bool answer, uint netNs = 77, bool loopback = false)
    {
        var sample = Begin(50, answer ? who with { Pid = 0, StartNs = 0, ParentPid = 0, ParentStartNs = 0 } : who, 32, message.Length, 0, 0);
        var at = sample.AsSpan(HeaderSize);
        server.CopyTo(at);
        BinaryPrimitives.WriteUInt32LittleEndian(at[16..], netNs);
        BinaryPrimitives.WriteUInt16LittleEndian(at[20..], (ushort)(server.Length == 4 ? 2 : 10));
        BinaryPrimitives.WriteUInt16LittleEndian(at[22..], clientPort);
        BinaryPrimitives.WriteUInt16LittleEndian(at[24..], (ushort)message.Length);
        at[26] = answer ? (byte)1 : (byte)0;
        at[27] = loopback ? (byte)1 : (byte)0;
        message.CopyTo(at[32..]);
        return sample;
    }

    static byte[] Begin(ushort kind, Who who, int fixedBytes, int variableBytes, uint flags, int result)
    {
        var sample = new byte[HeaderSize + fixedBytes + variableBytes];
        var at = sample.AsSpan();
        BinaryPrimitives.WriteUInt16LittleEndian(at, 1);
        BinaryPrimitives.WriteUInt16LittleEndian(at[2..], kind);
        BinaryPrimitives.WriteUInt32LittleEndian(at[4..], (uint)sample.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(at[8..], who.TimeNs);
        BinaryPrimitives.WriteUInt64LittleEndian(at[16..], who.StartNs);
        BinaryPrimitives.WriteUInt64LittleEndian(at[24..], who.ParentStartNs);
        BinaryPrimitives.WriteUInt64LittleEndian(at[32..], who.CgroupId);
        BinaryPrimitives.WriteUInt32LittleEndian(at[40..], who.Pid);
        BinaryPrimitives.WriteUInt32LittleEndian(at[44..], who.Pid);
        BinaryPrimitives.WriteUInt32LittleEndian(at[48..], who.ParentPid);
        BinaryPrimitives.WriteUInt32LittleEndian(at[56..], who.Slot);
        BinaryPrimitives.WriteUInt32LittleEndian(at[64..], flags);
        BinaryPrimitives.WriteInt32LittleEndian(at[68..], result);
        return sample;
    }
}
