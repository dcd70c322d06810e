using System.Buffers.Text;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

sealed partial class Pipeline
{
    const byte Udp = 17;

    bool OnFile(WatchedContainer container, ReadOnlySpan<byte> sample)
    {
        if (!FileEvent.TryRead(sample, out var e))
            return false;
        if (ActingNode(container, e.Header) is not { } node)
            return true;
        var kind = e.Header.Kind switch
        {
            EventKinds.Open => (e.Header.Flags & EventFlagBits.Write) != 0 ? EventKind.Write : EventKind.Open,
            EventKinds.Create => EventKind.Create,
            EventKinds.Unlink => EventKind.Unlink,
            EventKinds.Rename => EventKind.Rename,
            EventKinds.Chmod => EventKind.Chmod,
            EventKinds.Chown => EventKind.Chown,
            EventKinds.Link => EventKind.Link,
            _ => EventKind.Symlink,
        };
        Observe(container, node, e.Header, new ContainerEvent
        {
            TimeNs = _models.Clock.FromUnix(_reporter.UnixNs(e.Header.TimeNs)),
            Kind = kind,
            Container = container.Facts,
            Actor = ActorOf(node, e.Header),
            Flags = FlagsOf(e.Header) | RoleOf(node) | OtherProcess(node, e.Path),
            Path = e.Path,
            Path2 = e.Path2,
            Mode = e.Mode,
            Uid = e.Header.Uid,
            Lineage = LineageOf(node),
        });
        return true;
    }

    bool OnNetwork(WatchedContainer container, ReadOnlySpan<byte> sample)
    {
        if (!NetworkEvent.TryRead(sample, out var e))
            return false;
        if (ActingNode(container, e.Header) is not { } node)
            return true;
        EventKind kind;
        switch (e.Header.Kind)
        {
            case EventKinds.Connect:
                kind = EventKind.Connect;
                break;
            case EventKinds.Send:
                kind = EventKind.Send;
                break;
            case EventKinds.Accept:
                Serves(node);
                kind = EventKind.Accept;
                break;
            case EventKinds.Listen:
            case EventKinds.Bind when e.Protocol == Udp && e.LocalPort != 0:
                kind = EventKind.Listen;
                break;
            default:
                return true;  // a TCP bind says nothing until it listens
        }
        Observe(container, node, e.Header, new ContainerEvent
        {
            TimeNs = _models.Clock.FromUnix(_reporter.UnixNs(e.Header.TimeNs)),
            Kind = kind,
            Container = container.Facts,
            Actor = ActorOf(node, e.Header),
            Flags = FlagsOf(e.Header) | RoleOf(node),
            Path = e.Path,
            Peer = e.Peer,
            Name = kind is EventKind.Connect or EventKind.Send ? NameOf(container, e.Peer, e.Header.TimeNs) : default,
            Port = kind == EventKind.Listen ? e.LocalPort : e.PeerPort,
            Protocol = e.Protocol,
            Uid = e.Header.Uid,
            Lineage = LineageOf(node),
        });
        if (kind == EventKind.Listen)
            Serves(node);
        return true;
    }

    /// <summary>From its first listen on it is no longer starting up, whatever it execs later.</summary>
    static void Serves(ProcessNode<Actor> node) =>
        node.Flags = (node.Flags | ProcessFlags.Serves) & ~ProcessFlags.EntryActor;

    bool OnPrivilege(WatchedContainer container, ReadOnlySpan<byte> sample)
    {
        if (!PrivilegeEvent.TryRead(sample, out var e))
            return false;
        if (ActingNode(container, e.Header) is not { } node)
            return true;
        var kind = e.Operation switch
        {
            Privileges.Mount => EventKind.Mount,
            Privileges.Setns => EventKind.Setns,
            Privileges.Unshare => EventKind.Unshare,
            Privileges.Ptrace => EventKind.Ptrace,
            Privileges.VmWritev => EventKind.ProcessVmWritev,
            Privileges.Module => EventKind.Module,
            Privileges.Bpf => EventKind.Bpf,
            _ => EventKind.Unspecified,
        };
        if (kind == EventKind.Unspecified)
            return Unknown();
        Observe(container, node, e.Header, new ContainerEvent
        {
            TimeNs = _models.Clock.FromUnix(_reporter.UnixNs(e.Header.TimeNs)),
            Kind = kind,
            Container = container.Facts,
            Actor = ActorOf(node, e.Header),
            Flags = FlagsOf(e.Header) | RoleOf(node)
                | (e.TargetPid != 0 && e.TargetPid != e.Header.Pid ? EventFlags.OtherProcess : EventFlags.None),
            Path = e.Path,
            Path2 = e.Path2,
            Mode = (uint)e.Argument,
            Uid = e.Header.Uid,
            Lineage = LineageOf(node),
        });
        return true;
    }

    /// <summary>Whose departure it is: the first process of the subtree that departed, or this one.</summary>
    static ulong LineageOf(ProcessNode<Actor> node)
    {
        var key = node.Lineage == default ? node.Key : node.Lineage;
        return key.StartNs ^ ((ulong)key.Pid << 32);
    }

    static EventFlags RoleOf(ProcessNode<Actor> node)
    {
        var flags = node.Serves ? EventFlags.ActorServes : EventFlags.None;
        if ((node.Flags & ProcessFlags.EntryActor) != 0 && !node.Serves)
            flags |= EventFlags.EntryActor;
        if ((node.Flags & ProcessFlags.Injected) != 0)
            flags |= EventFlags.Injected;
        if ((node.Flags & ProcessFlags.SeenFromBirth) == 0)
            flags |= EventFlags.NotSeenFromBirth;
        return flags;
    }

    /// <summary>Whether /proc/PID/mem or environ is another process's than the one that opens it.</summary>
    static EventFlags OtherProcess(ProcessNode<Actor> node, ReadOnlySpan<byte> path)
    {
        if (!path.StartsWith("/proc/"u8) || !(path.EndsWith("/mem"u8) || path.EndsWith("/environ"u8))
            || !Utf8Parser.TryParse(path["/proc/"u8.Length..], out uint pid, out _))
            return EventFlags.None;
        return ProcfsPid.IsSelf(node.Pid, pid) ? EventFlags.None : EventFlags.OtherProcess;
    }
}
