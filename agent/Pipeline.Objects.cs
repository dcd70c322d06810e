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
            EventKinds.Symlink => EventKind.Symlink,
            EventKinds.Written => EventKind.Written,
            EventKinds.Truncate => EventKind.Truncate,
            EventKinds.Setxattr => EventKind.Setxattr,
            _ => EventKind.Library,
        };
        var actor = ActorOf(node, e.Header);
        Observe(container, node, e.Header, new ContainerEvent
        {
            TimeNs = _models.Clock.FromUnix(_reporter.UnixNs(e.Header.TimeNs)),
            Kind = kind,
            Container = container.Facts,
            Actor = actor,
            Flags = FlagsOf(e.Header) | RoleOf(node) | OtherProcess(node, e.Path) | FromElsewhere(container, actor, e.Header),
            Path = e.Path,
            Path2 = e.Path2,
            Mode = kind == EventKind.Truncate ? e.OpenFlags & FileEvent.Truncates : e.Mode,
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
        var kind = KindOf(e.Operation);
        if (kind == EventKind.Unspecified)
            return Unknown();
        var credential = e.Operation is Privileges.Setuid or Privileges.Setgid or Privileges.Capset or Privileges.Gain;
        Observe(container, node, e.Header, new ContainerEvent
        {
            TimeNs = _models.Clock.FromUnix(_reporter.UnixNs(e.Header.TimeNs)),
            Kind = kind,
            Container = container.Facts,
            Actor = ActorOf(node, e.Header),
            Flags = FlagsOf(e.Header) | RoleOf(node)
                | (!credential && e.Target != 0 && e.Target != e.Header.Pid ? EventFlags.OtherProcess : EventFlags.None),
            Path = e.Path,
            Path2 = e.Path2,
            Mode = credential ? e.Target : (uint)e.Argument,
            Gained = credential ? e.Argument : 0,
            Uid = e.Header.Uid,
            Lineage = LineageOf(node),
        });
        return true;
    }

    static EventKind KindOf(Privileges operation) => operation switch
    {
        Privileges.Mount => EventKind.Mount,
        Privileges.Setns => EventKind.Setns,
        Privileges.Unshare => EventKind.Unshare,
        Privileges.Ptrace => EventKind.Ptrace,
        Privileges.VmWritev => EventKind.ProcessVmWritev,
        Privileges.Module => EventKind.Module,
        Privileges.Bpf => EventKind.Bpf,
        Privileges.Umount => EventKind.Umount,
        Privileges.PivotRoot => EventKind.PivotRoot,
        Privileges.Chroot => EventKind.Chroot,
        Privileges.Keyring => EventKind.Keyring,
        Privileges.Userfaultfd => EventKind.Userfaultfd,
        Privileges.IoUring => EventKind.IoUring,
        Privileges.Setuid => EventKind.Setuid,
        Privileges.Setgid => EventKind.Setgid,
        Privileges.Capset => EventKind.Capset,
        Privileges.Gain => EventKind.Gain,
        Privileges.Signal => EventKind.Signal,
        Privileges.Name => EventKind.ProcessName,
        _ => EventKind.Unspecified,
    };

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
