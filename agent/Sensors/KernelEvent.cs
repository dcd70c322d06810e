using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>Takes one sample; it is borrowed until return and nothing may keep a span of it.</summary>
delegate void SampleHandler(ReadOnlySpan<byte> sample);

/// <summary>enum rg_kind.</summary>
enum EventKinds : ushort
{
    Fork = 1,
    Exec = 2,
    Exit = 3,
    Open = 10,
    Create = 11,
    Unlink = 12,
    Rename = 13,
    Chmod = 14,
    Chown = 15,
    Link = 16,
    Symlink = 17,
    Connect = 20,
    Accept = 21,
    Bind = 22,
    Listen = 23,
    Send = 24,
    Privilege = 30,
    CgroupMkdir = 40,
    CgroupRmdir = 41,
    CgroupAttach = 42,
    Dns = 50,
}

/// <summary>RG_F_*.</summary>
static class EventFlagBits
{
    public const uint Failed = 1 << 0;
    public const uint Unverified = 1 << 1;
    public const uint Truncated = 1 << 2;
    public const uint FdRaced = 1 << 3;
    public const uint Compat = 1 << 4;
    public const uint IoUring = 1 << 5;
    public const uint Snapshot = 1 << 6;
    public const uint NotInImage = 1 << 7;
    public const uint Memfd = 1 << 8;
    public const uint Deleted = 1 << 9;
    public const uint StdinSocket = 1 << 10;
    public const uint StdoutSocket = 1 << 11;
    public const uint Read = 1 << 12;
    public const uint Write = 1 << 13;
    public const uint NotOnRoot = 1 << 14;
    public const uint Served = 1 << 15;
}

/// <summary>enum rg_privilege.</summary>
enum Privileges : uint
{
    Mount = 1,
    Setns = 2,
    Unshare = 3,
    Ptrace = 4,
    VmWritev = 5,
    Module = 6,
    Bpf = 7,
}

/// <summary>struct rg_header.</summary>
[StructLayout(LayoutKind.Sequential)]
struct EventHeader
{
    public ushort Version;
    public EventKinds Kind;
    public uint Size;
    public ulong TimeNs;
    public ulong StartNs;
    public ulong ParentStartNs;
    public ulong CgroupId;
    public uint Pid;
    public uint Tid;
    public uint ParentPid;
    public uint Uid;
    public uint Slot;
    public uint Epoch;
    public uint Flags;
    public int Result;
    public CommBytes CommBuffer;

    /// <summary>The command name up to its first zero byte.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Comm
    {
        get
        {
            ReadOnlySpan<byte> all = CommBuffer;
            int end = all.IndexOf((byte)0);
            return end < 0 ? all : all[..end];
        }
    }
}

[InlineArray(16)]
struct CommBytes
{
    byte _first;
}

[InlineArray(16)]
struct AddressBytes
{
    byte _first;
}

/// <summary>The mirror of agent/bpf/events.h: what every sample is checked against before a byte of it is believed.</summary>
static class KernelEvent
{
    public const ushort Version = 1;
    public const int PathMax = 4096;
    public const int ArgumentsMax = 4096;
    public const int DnsMax = 1232;

    /// <summary>False when the sample is not exactly one event of this version, whoever wrote it.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> sample, out EventHeader header) =>
        MemoryMarshal.TryRead(sample, out header) && header.Version == Version && header.Size == (uint)sample.Length;

    /// <summary>Reads the fixed part when the header names one of the kinds from first to last; rest is what follows.</summary>
    internal static bool TryRead<T>(
        ReadOnlySpan<byte> sample, EventKinds first, EventKinds last, out T fixedPart, out ReadOnlySpan<byte> rest)
        where T : unmanaged
    {
        fixedPart = default;
        rest = default;
        if (!TryReadHeader(sample, out var header) || header.Kind < first || header.Kind > last ||
            !MemoryMarshal.TryRead(sample, out fixedPart))
            return false;
        rest = sample[Unsafe.SizeOf<T>()..];
        return true;
    }
}
