using System.Net;
using System.Text;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>One loaded kernel side for all kernel tests; they run one after another and drain its rings themselves.</summary>
public sealed class KernelSensor : IDisposable
{
    readonly List<SeenEvent> _seen = [];

    public KernelSensor() => Sensor = BpfSensor.Load(new BpfSensorOptions());

    internal BpfSensor Sensor { get; }

    /// <summary>The cgroup v2 tree.</summary>
    internal string Root { get; } = CgroupTree.Read().V2Mount is { Length: > 0 } mount
        ? mount
        : throw new InvalidOperationException("no cgroup v2 tree is mounted; mount one (mount -t cgroup2 none DIR)");

    internal WatchedCgroup Watch() => new(this);

    /// <summary>What was seen since the last time; everything the ended process did is in it.</summary>
    internal async Task<List<SeenEvent>> UntilExitOf(int pid)
    {
        await Eventually.HoldsAsync($"the exit of process {pid}", () =>
        {
            Drain();
            return _seen.Exists(e => e.Kind == EventKinds.Exit && e.Header.Pid == pid);
        });
        return Take();
    }

    internal List<SeenEvent> Take()
    {
        Drain();
        List<SeenEvent> taken = [.. _seen];
        _seen.Clear();
        return taken;
    }

    /// <summary>Vital first: whatever was in bulk before an exit that this finds is found too.</summary>
    void Drain()
    {
        while (Sensor.ConsumeVital(Add) > 0)
        {
        }
        while (Sensor.ConsumeBulk(Add) > 0)
        {
        }
    }

    void Add(ReadOnlySpan<byte> sample)
    {
        var seen = SeenEvent.Read(sample);
        _seen.Add(seen);
        // Other programs of this host make cgroups too, and each took a slot.
        if (seen.Kind == EventKinds.CgroupRmdir && seen.Header.Slot != 0)
            Sensor.ReleaseSlot(seen.Header.Slot);
    }

    public void Dispose() => Sensor.Dispose();
}

[CollectionDefinition(Name)]
public sealed class KernelTestGroup : ICollectionFixture<KernelSensor>
{
    public const string Name = "kernel";
}

/// <summary>One sample, copied; names are Latin-1 text, one character for each byte.</summary>
sealed record SeenEvent
{
    public EventHeader Header { get; private init; }
    public EventKinds Kind => Header.Kind;
    /// <summary>Executable, file, socket name, cgroup, or a mount's target.</summary>
    public string Path { get; private init; } = "";
    public string Path2 { get; private init; } = "";
    public string Arguments { get; private init; } = "";
    public string Peer { get; private init; } = "";
    public ushort PeerPort { get; private init; }
    public ushort LocalPort { get; private init; }
    public uint Mode { get; private init; }
    public uint Uid { get; private init; }
    public uint Gid { get; private init; }
    public ulong Inode { get; private init; }
    public int ExitCode { get; private init; }
    public uint NamespacePid { get; private init; }
    public Privileges Operation { get; private init; }
    public ulong Argument { get; private init; }
    public uint TargetPid { get; private init; }
    public bool IsAnswer { get; private init; }
    public bool OverLoopback { get; private init; }
    public uint NetNamespace { get; private init; }
    public byte[] Message { get; private init; } = [];

    public bool Has(uint flags) => (Header.Flags & flags) == flags;

    /// <summary>Fails when no view takes it.</summary>
    public static SeenEvent Read(ReadOnlySpan<byte> sample)
    {
        if (ExecEvent.TryRead(sample, out var exec))
        {
            return new SeenEvent
            {
                Header = exec.Header, Path = Text(exec.Exe), Path2 = Text(exec.Script), Arguments = Text(exec.Arguments),
                Inode = exec.Inode, NamespacePid = exec.NamespacePid,
            };
        }
        if (ExitEvent.TryRead(sample, out var exit))
            return new SeenEvent { Header = exit.Header, ExitCode = exit.ExitCode };
        if (FileEvent.TryRead(sample, out var file))
        {
            return new SeenEvent
            {
                Header = file.Header, Path = Text(file.Path), Path2 = Text(file.Path2), Mode = file.Mode, Uid = file.Uid,
                Gid = file.Gid, Inode = file.Inode,
            };
        }
        if (NetworkEvent.TryRead(sample, out var net))
        {
            return new SeenEvent
            {
                Header = net.Header, Path = Text(net.Path), PeerPort = net.PeerPort, LocalPort = net.LocalPort,
                Peer = net.Peer.IsEmpty ? "" : new IPAddress(net.Peer).ToString(),
            };
        }
        if (PrivilegeEvent.TryRead(sample, out var privilege))
        {
            return new SeenEvent
            {
                Header = privilege.Header, Path = Text(privilege.Path), Path2 = Text(privilege.Path2),
                Operation = privilege.Operation, Argument = privilege.Argument, TargetPid = privilege.TargetPid,
            };
        }
        if (DnsEvent.TryRead(sample, out var dns))
        {
            return new SeenEvent
            {
                Header = dns.Header, Peer = new IPAddress(dns.Server).ToString(), LocalPort = dns.ClientPort, IsAnswer = dns.IsAnswer,
                OverLoopback = dns.OverLoopback, NetNamespace = dns.NetNamespace, Message = dns.Message.ToArray(),
            };
        }
        if (CgroupEvent.TryRead(sample, out var cgroup))
            return new SeenEvent { Header = cgroup.Header, Path = Text(cgroup.Path) };
        Assert.True(KernelEvent.TryReadHeader(sample, out var header) && header.Kind == EventKinds.Fork);
        return new SeenEvent { Header = header };
    }

    static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}
