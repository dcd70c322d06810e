namespace RuntimeGuard.Models;

/// <summary>One thing that is never normal by itself.</summary>
/// <param name="Sentence">What {actor} did with {object}.</param>
/// <param name="UntilLearned">Holds only for what was never done while learning; every other rule holds in every state.</param>
public sealed record CriticalRule(string Id, string Technique, string Sentence, bool UntilLearned = false);

/// <summary>The one list of critical rules. They alert in every state, learning included, and are never learned away.</summary>
public static class CriticalRules
{
    internal static readonly CriticalRule ReverseShell = new("reverse-shell", "T1059.004",
        "{actor} started {object} with a network socket as its input or output: the shape of a reverse shell");
    internal static readonly CriticalRule ExecMemfd = new("exec-memfd", "T1620",
        "{actor} ran {object} from anonymous memory, a program that exists in no file");
    internal static readonly CriticalRule ExecDeleted = new("exec-deleted", "T1070.004",
        "{actor} ran {object}, whose file had already been deleted");
    internal static readonly CriticalRule ExecNotInImage = new("exec-not-in-image", "T1105",
        "{actor} ran {object}, a file that is not part of the image");
    internal static readonly CriticalRule ShellFromServer = new("shell-from-server", "T1190",
        "{actor} serves network clients and started {object}, which it never did while learning", UntilLearned: true);
    internal static readonly CriticalRule Ptrace = new("ptrace", "T1055.008",
        "{actor} took control of another process by ptrace");
    internal static readonly CriticalRule ProcessWrite = new("process-vm-writev", "T1055",
        "{actor} wrote into the memory of another process by process_vm_writev");
    internal static readonly CriticalRule ProcMemory = new("proc-mem-write", "T1055.009",
        "{actor} opened the memory of another process for writing, {object}");
    internal static readonly CriticalRule CredentialRead = new("credential-read", "T1552.001",
        "{actor} read credentials, {object}");
    internal static readonly CriticalRule PasswordRead = new("credential-read", "T1003.008",
        "{actor} read the password file {object}");
    internal static readonly CriticalRule TokenRead = new("credential-read", "T1528",
        "{actor} read a secret mounted into the container, {object}");
    internal static readonly CriticalRule Mount = new("mount", "T1611", "{actor} mounted a file system at {object}");
    internal static readonly CriticalRule Setns = new("setns", "T1611", "{actor} entered another namespace by setns");
    internal static readonly CriticalRule Unshare = new("unshare", "T1611", "{actor} made new namespaces by unshare");
    internal static readonly CriticalRule Module = new("kernel-module", "T1547.006", "{actor} loaded the kernel module {object}");
    internal static readonly CriticalRule Bpf = new("bpf", "T1014", "{actor} used bpf() to load or steer kernel programs");
    internal static readonly CriticalRule RawDevice = new("raw-device", "T1006",
        "{actor} opened {object}, a raw device of the host");
    internal static readonly CriticalRule ReleaseAgent = new("release-agent", "T1611",
        "{actor} wrote {object}, a program the host's kernel runs for a cgroup");
    internal static readonly CriticalRule KernelHandler = new("kernel-handler", "T1611",
        "{actor} wrote {object}, which names a program the host's kernel runs");
    internal static readonly CriticalRule RuntimeSocket = new("runtime-socket", "T1610",
        "{actor} used {object}, the container runtime's own socket");
    internal static readonly CriticalRule LoaderPreload = new("ld-preload", "T1574.006",
        "{actor} changed {object}, which loads code into every new process");
    internal static readonly CriticalRule Cron = new("cron", "T1053.003", "{actor} changed the scheduled jobs in {object}");
    internal static readonly CriticalRule AuthorizedKeys = new("authorized-keys", "T1098.004",
        "{actor} changed who may log in by key, {object}");

    /// <summary>No rule of ours: a person said that this is never normal.</summary>
    internal static readonly CriticalRule Denied = new("denied", "", "{actor} did what a person has denied: {object}");

    public static IReadOnlyList<CriticalRule> All { get; } =
    [
        ReverseShell, ExecMemfd, ExecDeleted, ExecNotInImage, ShellFromServer, Ptrace, ProcessWrite, ProcMemory,
        CredentialRead, PasswordRead, TokenRead, Mount, Setns, Unshare, Module, Bpf, RawDevice, ReleaseAgent, KernelHandler,
        RuntimeSocket, LoaderPreload, Cron, AuthorizedKeys,
    ];

    internal static CriticalRule? OfExec(EventFlags flags, ToolKind kind)
    {
        if ((flags & EventFlags.StdioSocket) != 0 && (kind is ToolKind.Shell or ToolKind.Interpreter))
            return ReverseShell;
        if ((flags & EventFlags.Memfd) != 0)
            return ExecMemfd;
        if ((flags & EventFlags.Deleted) != 0)
            return ExecDeleted;
        if ((flags & EventFlags.NotInImage) != 0)
            return ExecNotInImage;
        return kind == ToolKind.Shell && (flags & EventFlags.ActorServes) != 0 ? ShellFromServer : null;
    }

    internal static CriticalRule? OfRead(ReadOnlySpan<byte> path, in ContainerEvent e)
    {
        if (SensitivePaths.IsRawDevice(path))
            return RawDevice;
        if (SensitivePaths.IsRuntimeSocket(path))
            return RuntimeSocket;
        if ((e.Flags & EventFlags.EntryActor) != 0 || !SensitivePaths.IsCredential(path, e.Container))
            return null;
        if (SensitivePaths.IsPasswordFile(path))
            return PasswordRead;
        return SensitivePaths.IsMountedSecret(path, e.Container) ? TokenRead : CredentialRead;
    }

    internal static CriticalRule? OfWrite(ReadOnlySpan<byte> path, EventFlags flags)
    {
        if (SensitivePaths.IsReleaseAgent(path))
            return ReleaseAgent;
        if (SensitivePaths.IsKernelHandler(path))
            return KernelHandler;
        if (SensitivePaths.IsRawDevice(path))
            return RawDevice;
        if (SensitivePaths.IsRuntimeSocket(path))
            return RuntimeSocket;
        if (SensitivePaths.IsLoaderPreload(path))
            return LoaderPreload;
        if (SensitivePaths.IsCron(path))
            return Cron;
        if (SensitivePaths.IsAuthorizedKeys(path))
            return AuthorizedKeys;
        return (flags & EventFlags.OtherProcess) != 0 && path.StartsWith("/proc/"u8) && path.EndsWith("/mem"u8)
            ? ProcMemory : null;
    }
}
