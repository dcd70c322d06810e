using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>
/// What was there before us: each v2 cgroup below the root as a mkdir sample and each process in one as an exec sample,
/// all flagged as a snapshot. Start times are rounded down to a clock tick. A process that ends meanwhile is left out.
/// </summary>
sealed unsafe class ProcfsSensor
{
    const ulong TickNs = 10_000_000;
    const int MostLooks = 5;
    const int StatParent = 1;
    const int StatStart = 19;
    const string Deleted = " (deleted)";
    const string MemfdPrefix = "/memfd:";
    readonly byte[] _sample = new byte[16384];
    readonly ProcfsListeners _listeners = new();

    /// <summary>
    /// Inode of the first process's mount namespace; of the first kernel thread's where its capabilities are beyond ours; 0 when
    /// neither can be read.
    /// </summary>
    public static uint HostMountNamespace => OfFirst("mnt");

    /// <summary>The same of the network namespace, and at last the agent's own, which is a service of the host.</summary>
    public static uint HostNetworkNamespace => OfFirst("net") is not 0 and var first ? first : Namespace("/proc/self/ns/net");

    static uint OfFirst(string kind) => Namespace($"/proc/1/ns/{kind}") is not 0 and var first ? first : Namespace($"/proc/2/ns/{kind}");

    /// <summary>The pids in use now.</summary>
    public static HashSet<uint> LivingPids() => [.. Directory.EnumerateDirectories("/proc")
        .Select(d => uint.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out uint pid) ? pid : 0)
        .Where(pid => pid != 0)];

    /// <summary>
    /// Hands over every sample; returns how many cgroups and processes. Looks again, a few times at most, until there is
    /// nobody new: what a process not yet watched forks meanwhile would be seen by no hook.
    /// </summary>
    public (int Cgroups, int Processes) Snapshot(SampleHandler handler)
    {
        string root = CgroupTree.Read().V2Mount;
        if (root.Length == 0)
            return (0, 0);
        int cgroups = 0;
        foreach (string directory in Directory.EnumerateDirectories(root, "*", SearchOption.AllDirectories))
        {
            if (Cgroup(directory, directory[root.Length..], handler))
                cgroups++;
        }
        int processes = 0;
        var looked = new HashSet<uint>();
        for (int look = 0; look < MostLooks; look++)
        {
            int before = processes;
            foreach (uint pid in LivingPids().Order())
            {
                if (looked.Add(pid) && Process((int)pid, root, handler))
                    processes++;
            }
            if (processes == before)
                break;
        }
        return (cgroups, processes);
    }

    bool Cgroup(string directory, string path, SampleHandler handler)
    {
        var name = Encoding.UTF8.GetBytes(path);
        if (!Inodes.TryGet(directory, out ulong id) || name.Length > KernelEvent.PathMax)
            return false;
        var e = new CgroupFixed { Level = (uint)path.Count(c => c == '/'), PathLen = (ushort)name.Length };
        e.Header.Kind = EventKinds.CgroupMkdir;
        e.Header.CgroupId = id;
        Send(ref e, ref e.Header, handler, name, []);
        return true;
    }

    bool Process(int pid, string root, SampleHandler handler)
    {
        try
        {
            string cgroup = File.ReadLines($"/proc/{pid}/cgroup")
                .FirstOrDefault(l => l.StartsWith("0::", StringComparison.Ordinal))?[3..] ?? "/";
            if (cgroup == "/" || !Inodes.TryGet(root + cgroup, out ulong id))
                return false;
            var fields = Stat(pid);
            uint parent = uint.Parse(fields[StatParent], CultureInfo.InvariantCulture);
            var status = File.ReadAllLines($"/proc/{pid}/status");
            string exe = new FileInfo($"/proc/{pid}/exe").LinkTarget ?? "";
            if (exe.Length == 0)
                return false;
            bool deleted = exe.EndsWith(Deleted, StringComparison.Ordinal) && !File.Exists(exe);
            if (deleted)
                exe = exe[..^Deleted.Length];
            var path = Encoding.UTF8.GetBytes(exe);
            var arguments = ReadArguments(pid, out bool truncated);
            var e = new ExecFixed
            {
                MountNs = Namespace($"/proc/{pid}/ns/mnt"),
                NsPid = Field(status, "NSpid:", last: true),
                ExeLen = (ushort)Math.Min(path.Length, KernelEvent.PathMax),
                ArgsLen = (ushort)arguments.Length,
                Argc = (ushort)arguments.Count(b => b == 0),
            };
            e.Header.Kind = EventKinds.Exec;
            e.Header.CgroupId = id;
            e.Header.Pid = e.Header.Tid = (uint)pid;
            e.Header.ParentPid = parent;
            e.Header.StartNs = StartNs(fields);
            e.Header.ParentStartNs = ParentStartNs(parent);
            e.Header.Uid = Field(status, "Uid:", last: false);
            e.Header.Flags = (truncated || path.Length > KernelEvent.PathMax ? EventFlagBits.Truncated : 0) |
                (deleted ? EventFlagBits.Deleted : 0) |
                (exe.StartsWith(MemfdPrefix, StringComparison.Ordinal) ? EventFlagBits.Memfd : 0) |
                (_listeners.Serves(pid) ? EventFlagBits.Served : 0);
            Send(ref e, ref e.Header, handler, path.AsSpan(0, e.ExeLen), arguments);
            return true;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    void Send<T>(ref T e, ref EventHeader header, SampleHandler handler, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
        where T : unmanaged
    {
        int size = sizeof(T) + a.Length + b.Length;
        header.Version = KernelEvent.Version;
        header.Size = (uint)size;
        header.TimeNs = Clock.BootNs();
        header.Flags |= EventFlagBits.Snapshot;
        MemoryMarshal.Write(_sample, in e);
        a.CopyTo(_sample.AsSpan(sizeof(T)));
        b.CopyTo(_sample.AsSpan(sizeof(T) + a.Length));
        handler(_sample.AsSpan(0, size));
    }

    /// <summary>0 when the parent has ended meanwhile: the child is there all the same.</summary>
    static ulong ParentStartNs(uint parent)
    {
        try
        {
            return parent == 0 ? 0 : StartNs(Stat((int)parent));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    static byte[] ReadArguments(int pid, out bool truncated)
    {
        using var file = File.OpenRead($"/proc/{pid}/cmdline");
        var buffer = new byte[KernelEvent.ArgumentsMax + 1];
        int length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        truncated = length > KernelEvent.ArgumentsMax;
        return buffer[..Math.Min(length, KernelEvent.ArgumentsMax)];
    }

    static uint Field(string[] status, string name, bool last)
    {
        var line = status.FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        var values = line?[name.Length..].Split('\t', StringSplitOptions.RemoveEmptyEntries);
        return values is [..] && uint.TryParse(last ? values[^1] : values[0], CultureInfo.InvariantCulture, out uint v)
            ? v
            : 0;
    }

    /// <summary>The fields after the command name, which may hold anything, a closing bracket too: the last one ends it.</summary>
    static string[] Stat(int pid)
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
    }

    static ulong StartNs(string[] stat) => ulong.Parse(stat[StatStart], CultureInfo.InvariantCulture) * TickNs;

    static uint Namespace(string link)
    {
        string target = new FileInfo(link).LinkTarget ?? "";
        int open = target.IndexOf('[');
        return open >= 0 && uint.TryParse(target.AsSpan(open + 1).TrimEnd(']'), CultureInfo.InvariantCulture, out uint n)
            ? n
            : 0;
    }
}
