using System.Text;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// One event attributed to a process and a container. Lives on the stack and borrows every span from the sample it was
/// made of: nothing may keep a span past the call it was handed to.
/// </summary>
public readonly ref struct ContainerEvent
{
    /// <summary>Unix nanoseconds on the model's clock (scaled in tests and demo).</summary>
    public required long TimeNs { get; init; }

    public required EventKind Kind { get; init; }

    public required ContainerFacts Container { get; init; }

    /// <summary>The acting process's chain. For an exec: the chain before it; <see cref="Path"/> is the new executable.</summary>
    public required Actor Actor { get; init; }

    public EventFlags Flags { get; init; }

    /// <summary>Absolute path inside the container, UTF-8 as the kernel had it, no terminating zero. Exec: the executable.</summary>
    public ReadOnlySpan<byte> Path { get; init; }

    /// <summary>Second path of rename (new name), link and symlink (the new entry); exec: the script, when one was run.</summary>
    public ReadOnlySpan<byte> Path2 { get; init; }

    /// <summary>Exec only: arguments after redaction, each ended by a zero byte.</summary>
    public ReadOnlySpan<byte> Arguments { get; init; }

    /// <summary>4 or 16 bytes in network order; empty for unix sockets, whose name is <see cref="Path"/>.</summary>
    public ReadOnlySpan<byte> Peer { get; init; }

    /// <summary>
    /// Connect and send: what the peer is called by whom the container does not control; empty: nobody said. Dns: the name
    /// asked for, as it was asked.
    /// </summary>
    public ReadOnlySpan<byte> Name { get; init; }

    /// <summary>Peer's port for connect, accept and send; local port for listen. Host order.</summary>
    public ushort Port { get; init; }

    /// <summary>IPPROTO_TCP, IPPROTO_UDP ...; 0 for unix sockets.</summary>
    public byte Protocol { get; init; }

    /// <summary>chmod: the new mode; mount, setns, unshare: the flags given.</summary>
    public uint Mode { get; init; }

    public uint Uid { get; init; }

    /// <summary>First process of the subtree that departed, or the acting process when none did; any hash of its identity.</summary>
    public ulong Lineage { get; init; }
}

/// <summary>What the sensors and the process tree know about one event beside its object.</summary>
[Flags]
public enum EventFlags
{
    None = 0,
    /// <summary>The executable has no counterpart in the image, or was changed since the container started.</summary>
    NotInImage = 1 << 0,
    Memfd = 1 << 1,
    Deleted = 1 << 2,
    /// <summary>A path or argument list was longer than the stated bound: never "known".</summary>
    Truncated = 1 << 3,
    /// <summary>Only the caller's words are known: the call failed or no kernel object could be read.</summary>
    Unverified = 1 << 4,
    Failed = 1 << 5,
    /// <summary>The process's stdin or stdout is a socket.</summary>
    StdioSocket = 1 << 6,
    /// <summary>The acting process (for exec: the one that execs, or its parent) listens or has accepted a connection.</summary>
    ActorServes = 1 << 7,
    /// <summary>The acting process is the container's pid 1 or its exec chain before its first listen.</summary>
    EntryActor = 1 << 8,
    /// <summary>The process was there before the agent: ancestry and arguments come from procfs.</summary>
    NotSeenFromBirth = 1 << 9,
    /// <summary>Another process is the object (ptrace, process_vm_writev, /proc/PID/mem of another).</summary>
    OtherProcess = 1 << 10,
    /// <summary>The process was put into the running container from outside (kubectl exec, ctr task exec).</summary>
    Injected = 1 << 11,
    /// <summary>A file opened for writing was opened for reading too.</summary>
    Reads = 1 << 12,
}

/// <summary>What models need to know of one container; made once per container and kept as long as it lives.</summary>
public sealed record ContainerFacts(WorkloadKey Workload, string Id, string Version, long StartedNs)
{
    /// <summary>Its unit of learning is the run, not the container-hour.</summary>
    public bool RunsToCompletion { get; init; }

    /// <summary>False when the agent came later than the container: its start-up phase was not observed.</summary>
    public bool SeenFromBirth { get; init; } = true;

    /// <summary>
    /// False for services and sessions of the host. Critical rules are about what a container never needs; what a service
    /// does from day to day (mount, read the password file, enter namespaces) it may learn.
    /// </summary>
    public bool HasImage { get; init; } = true;

    /// <summary>Secrets mounts of the container (service-account token, /run/secrets), absolute paths inside it.</summary>
    public IReadOnlyList<string> SecretMounts { get; init; } = [];

    /// <summary>The same as bytes; a mount of everything says nothing and is left out.</summary>
    internal byte[][] SecretMountBytes => field ??=
        [.. SecretMounts.Where(mount => mount.TrimEnd('/').Length > 1).Select(mount => Encoding.UTF8.GetBytes(mount.TrimEnd('/')))];
}
