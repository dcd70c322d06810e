using RuntimeGuard.Proto;

namespace RuntimeGuard.Models.Replay;

/// <summary>Kinds of events that a recording can hold. The numbers are those of the recording's format: never reused.</summary>
public enum RecordedKind : byte
{
    None = 0,
    Exec = 1,
    Exit = 2,
    Fork = 3,
    Open = 4,
    Create = 5,
    Write = 6,
    Unlink = 7,
    Rename = 8,
    Chmod = 9,
    Chown = 10,
    Link = 11,
    Symlink = 12,
    Mount = 13,
    Connect = 14,
    Accept = 15,
    Listen = 16,
    Send = 17,
    Dns = 18,
    Setuid = 19,
    Capset = 20,
    Ptrace = 21,
    ProcessVmWritev = 22,
    Setns = 23,
    Unshare = 24,
    Module = 25,
    Bpf = 26,
    Memfd = 27,
    AssemblyLoad = 28,
}

/// <summary>Names of the kinds in JSON lines, and what the models judge them as.</summary>
public static class RecordedKinds
{
    static readonly string[] Names =
    [
        "", "exec", "exit", "fork", "open", "create", "write", "unlink", "rename", "chmod", "chown", "link", "symlink", "mount",
        "connect", "accept", "listen", "send", "dns", "setuid", "capset", "ptrace", "process_vm_writev", "setns", "unshare",
        "module", "bpf", "memfd", "assembly_load",
    ];

    static readonly byte[][] Bytes = [.. Names.Select(System.Text.Encoding.UTF8.GetBytes)];

    internal const int Count = (int)RecordedKind.AssemblyLoad + 1;

    /// <summary>Every name, for messages.</summary>
    public static string AllNames { get; } = string.Join(", ", Names.Skip(1));

    public static string NameOf(RecordedKind kind) => Names[(int)kind];

    internal static RecordedKind Parse(ReadOnlySpan<byte> name)
    {
        for (var i = 1; i < Bytes.Length; i++)
            if (name.SequenceEqual(Bytes[i]))
                return (RecordedKind)i;
        return RecordedKind.None;
    }

    /// <summary>
    /// The kind the models judge, or unspecified for those they have no behaviour for; exit and fork only move the process
    /// tree.
    /// </summary>
    public static EventKind Judged(RecordedKind kind) => kind switch
    {
        RecordedKind.Exec => EventKind.Exec,
        RecordedKind.Open => EventKind.Open,
        RecordedKind.Create => EventKind.Create,
        RecordedKind.Write => EventKind.Write,
        RecordedKind.Unlink => EventKind.Unlink,
        RecordedKind.Rename => EventKind.Rename,
        RecordedKind.Chmod => EventKind.Chmod,
        RecordedKind.Chown => EventKind.Chown,
        RecordedKind.Link => EventKind.Link,
        RecordedKind.Symlink => EventKind.Symlink,
        RecordedKind.Mount => EventKind.Mount,
        RecordedKind.Connect => EventKind.Connect,
        RecordedKind.Accept => EventKind.Accept,
        RecordedKind.Listen => EventKind.Listen,
        RecordedKind.Send => EventKind.Send,
        RecordedKind.Dns => EventKind.Dns,
        RecordedKind.Ptrace => EventKind.Ptrace,
        RecordedKind.ProcessVmWritev => EventKind.ProcessVmWritev,
        RecordedKind.Setns => EventKind.Setns,
        RecordedKind.Unshare => EventKind.Unshare,
        RecordedKind.Module => EventKind.Module,
        RecordedKind.Bpf => EventKind.Bpf,
        _ => EventKind.Unspecified,
    };
}
