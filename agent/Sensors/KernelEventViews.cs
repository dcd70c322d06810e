using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>struct rg_exec_event.</summary>
[StructLayout(LayoutKind.Sequential)]
struct ExecFixed
{
    public EventHeader Header;
    public ulong Inode;
    public uint Device;
    public uint MountNs;
    public uint NsPid;
    public ushort ExeLen;
    public ushort ScriptLen;
    public ushort ArgsLen;
    public ushort Argc;
    public uint Pad;
}

/// <summary>struct rg_exit_event.</summary>
[StructLayout(LayoutKind.Sequential)]
struct ExitFixed
{
    public EventHeader Header;
    public int ExitCode;
    public uint Pad;
}

/// <summary>struct rg_file_event.</summary>
[StructLayout(LayoutKind.Sequential)]
struct FileFixed
{
    public EventHeader Header;
    public ulong Inode;
    public ulong ParentInode;
    public uint Device;
    public uint Generation;
    public uint OpenFlags;
    public uint Mode;
    public uint Uid;
    public uint Gid;
    public ushort PathLen;
    public ushort Path2Len;
    public uint Pad;
}

/// <summary>struct rg_net_event.</summary>
[StructLayout(LayoutKind.Sequential)]
struct NetworkFixed
{
    public EventHeader Header;
    /// <summary>First, so that <see cref="NetworkEvent.Peer"/> can borrow it from the sample.</summary>
    public AddressBytes Peer;
    public AddressBytes Local;
    public uint NetNs;
    public ushort Family;
    public ushort PeerPort;
    public ushort LocalPort;
    public byte Protocol;
    public byte Pad0;
    public ushort PathLen;
    public ushort Pad1;
}

/// <summary>struct rg_privilege_event.</summary>
[StructLayout(LayoutKind.Sequential)]
struct PrivilegeFixed
{
    public EventHeader Header;
    public ulong Argument;
    public Privileges Operation;
    public uint TargetPid;
    public ushort PathLen;
    public ushort Path2Len;
    public uint Pad;
}

/// <summary>struct rg_cgroup_event.</summary>
[StructLayout(LayoutKind.Sequential)]
struct CgroupFixed
{
    public EventHeader Header;
    public uint Level;
    public ushort PathLen;
    public ushort Pad;
}

/// <summary>An exec; the spans borrow the sample.</summary>
readonly ref struct ExecEvent
{
    readonly ExecFixed _fixed;

    ExecEvent(scoped in ExecFixed fixedPart, ReadOnlySpan<byte> rest)
    {
        _fixed = fixedPart;
        Exe = rest[.._fixed.ExeLen];
        Script = rest.Slice(_fixed.ExeLen, _fixed.ScriptLen);
        Arguments = rest.Slice(_fixed.ExeLen + _fixed.ScriptLen, _fixed.ArgsLen);
    }

    public EventHeader Header => _fixed.Header;
    public ulong Inode => _fixed.Inode;
    public uint Device => _fixed.Device;
    public uint MountNamespace => _fixed.MountNs;
    /// <summary>Pid in its own pid namespace: 1 is the container's entrypoint.</summary>
    public uint NamespacePid => _fixed.NsPid;
    public ushort ArgumentCount => _fixed.Argc;
    public ReadOnlySpan<byte> Exe { get; }
    public ReadOnlySpan<byte> Script { get; }
    /// <summary>Each ended by a zero byte, the last perhaps not when truncated.</summary>
    public ReadOnlySpan<byte> Arguments { get; }

    public static bool TryRead(ReadOnlySpan<byte> sample, out ExecEvent e)
    {
        e = default;
        if (!KernelEvent.TryRead(sample, EventKinds.Exec, EventKinds.Exec, out ExecFixed f, out var rest) ||
            f.ExeLen + f.ScriptLen + f.ArgsLen > rest.Length)
            return false;
        e = new ExecEvent(f, rest);
        return true;
    }
}

/// <summary>The end of a process.</summary>
readonly ref struct ExitEvent
{
    readonly ExitFixed _fixed;

    ExitEvent(scoped in ExitFixed fixedPart) => _fixed = fixedPart;

    public EventHeader Header => _fixed.Header;
    /// <summary>As wait(2) reports it.</summary>
    public int ExitCode => _fixed.ExitCode;

    public static bool TryRead(ReadOnlySpan<byte> sample, out ExitEvent e)
    {
        e = default;
        if (!KernelEvent.TryRead(sample, EventKinds.Exit, EventKinds.Exit, out ExitFixed f, out _))
            return false;
        e = new ExitEvent(f);
        return true;
    }
}

/// <summary>Open to symlink; the spans borrow the sample.</summary>
readonly ref struct FileEvent
{
    readonly FileFixed _fixed;

    FileEvent(scoped in FileFixed fixedPart, ReadOnlySpan<byte> rest)
    {
        _fixed = fixedPart;
        Path = rest[.._fixed.PathLen];
        Path2 = rest.Slice(_fixed.PathLen, _fixed.Path2Len);
    }

    public EventHeader Header => _fixed.Header;
    public ulong Inode => _fixed.Inode;
    public uint Device => _fixed.Device;
    public uint OpenFlags => _fixed.OpenFlags;
    public uint Mode => _fixed.Mode;
    public uint Uid => _fixed.Uid;
    public uint Gid => _fixed.Gid;
    public ReadOnlySpan<byte> Path { get; }
    public ReadOnlySpan<byte> Path2 { get; }

    public static bool TryRead(ReadOnlySpan<byte> sample, out FileEvent e)
    {
        e = default;
        if (!KernelEvent.TryRead(sample, EventKinds.Open, EventKinds.Symlink, out FileFixed f, out var rest) ||
            f.PathLen + f.Path2Len > rest.Length)
            return false;
        e = new FileEvent(f, rest);
        return true;
    }
}

/// <summary>AF_INET and AF_INET6: how much of sixteen bytes is the address.</summary>
static class AddressFamilies
{
    const ushort Inet = 2;
    const ushort Inet6 = 10;

    /// <summary>4 or 16 bytes; empty for other families.</summary>
    public static ReadOnlySpan<byte> Take(ushort family, ReadOnlySpan<byte> bytes) =>
        family switch { Inet => bytes[..4], Inet6 => bytes[..16], _ => default };
}

/// <summary>Connect to send; the spans borrow the sample.</summary>
readonly ref struct NetworkEvent
{
    readonly NetworkFixed _fixed;

    NetworkEvent(scoped in NetworkFixed fixedPart, ReadOnlySpan<byte> sample, ReadOnlySpan<byte> rest)
    {
        _fixed = fixedPart;
        int at = Unsafe.SizeOf<EventHeader>();
        Peer = AddressFamilies.Take(_fixed.Family, sample[at..]);
        Path = rest[.._fixed.PathLen];
    }

    public EventHeader Header => _fixed.Header;
    public ushort Family => _fixed.Family;
    public byte Protocol => _fixed.Protocol;
    public ushort LocalPort => _fixed.LocalPort;
    public ushort PeerPort => _fixed.PeerPort;
    public uint NetNamespace => _fixed.NetNs;
    /// <summary>4 or 16 bytes, network order; empty for other families.</summary>
    public ReadOnlySpan<byte> Peer { get; }
    /// <summary>A unix socket's name; an abstract one begins with a zero byte.</summary>
    public ReadOnlySpan<byte> Path { get; }

    public static bool TryRead(ReadOnlySpan<byte> sample, out NetworkEvent e)
    {
        e = default;
        if (!KernelEvent.TryRead(sample, EventKinds.Connect, EventKinds.Send, out NetworkFixed f, out var rest) ||
            f.PathLen > rest.Length)
            return false;
        e = new NetworkEvent(f, sample, rest);
        return true;
    }
}

/// <summary>A call that changes what a process may do; the spans borrow the sample.</summary>
readonly ref struct PrivilegeEvent
{
    readonly PrivilegeFixed _fixed;

    PrivilegeEvent(scoped in PrivilegeFixed fixedPart, ReadOnlySpan<byte> rest)
    {
        _fixed = fixedPart;
        Path = rest[.._fixed.PathLen];
        Path2 = rest.Slice(_fixed.PathLen, _fixed.Path2Len);
    }

    public EventHeader Header => _fixed.Header;
    public Privileges Operation => _fixed.Operation;
    public ulong Argument => _fixed.Argument;
    public uint TargetPid => _fixed.TargetPid;
    public ReadOnlySpan<byte> Path { get; }
    public ReadOnlySpan<byte> Path2 { get; }

    public static bool TryRead(ReadOnlySpan<byte> sample, out PrivilegeEvent e)
    {
        e = default;
        if (!KernelEvent.TryRead(sample, EventKinds.Privilege, EventKinds.Privilege, out PrivilegeFixed f, out var rest)
            || f.PathLen + f.Path2Len > rest.Length)
            return false;
        e = new PrivilegeEvent(f, rest);
        return true;
    }
}

/// <summary>A cgroup's birth, end, or a watched task's move; the span borrows the sample.</summary>
readonly ref struct CgroupEvent
{
    readonly CgroupFixed _fixed;

    CgroupEvent(scoped in CgroupFixed fixedPart, ReadOnlySpan<byte> rest)
    {
        _fixed = fixedPart;
        Path = rest[.._fixed.PathLen];
    }

    public EventHeader Header => _fixed.Header;
    public uint Level => _fixed.Level;
    public ReadOnlySpan<byte> Path { get; }

    public static bool TryRead(ReadOnlySpan<byte> sample, out CgroupEvent e)
    {
        e = default;
        if (!KernelEvent.TryRead(sample, EventKinds.CgroupMkdir, EventKinds.CgroupAttach, out CgroupFixed f, out var rest)
            || f.PathLen > rest.Length)
            return false;
        e = new CgroupEvent(f, rest);
        return true;
    }
}
