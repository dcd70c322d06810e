using System.Text;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

sealed partial class Pipeline
{
    /// <summary>Of its arguments a process keeps so many bytes once its exec is judged; more are cut and flagged.</summary>
    internal const int MostKeptBytes = 1024;

    /// <summary>Stands for the container runtime that starts the entrypoint.</summary>
    static readonly Actor RuntimeActor = Actor.Entry("(runtime)");

    /// <summary>Stands for whoever puts a process into a running container from outside (kubectl exec).</summary>
    static readonly Actor InjectedActor = Actor.Entry("(injected)");

    /// <summary>A process whose fork and exec were lost.</summary>
    static readonly Actor UnknownActor = Actor.Entry("(unknown)");

    bool OnFork(WatchedContainer container, ReadOnlySpan<byte> sample)
    {
        if (!KernelEvent.TryReadHeader(sample, out var h))
            return false;
        if (_tree.Fork(KeyOf(h), ParentKeyOf(h), h.TimeNs) is { } node)
            node.Container = container.Entry;
        return true;
    }

    bool OnExit(WatchedContainer container, ReadOnlySpan<byte> sample)
    {
        if (!ExitEvent.TryRead(sample, out var e))
            return false;
        _tree.Exit(e.Header.Pid, e.Header.StartNs, e.Header.TimeNs);
        _reporter.OnExit(container, e);
        return true;
    }

    bool OnExec(WatchedContainer container, ReadOnlySpan<byte> sample)
    {
        if (!ExecEvent.TryRead(sample, out var e))
            return false;
        if (_tree.GetOrAdd(KeyOf(e.Header), ParentKeyOf(e.Header), e.Header.TimeNs) is not { } node)
            return true;  // the tree is full of living processes; it counts what it refuses
        if ((e.Header.Flags & EventFlagBits.Snapshot) != 0 && node.Actor is not null)
            return true;  // a later look at what is known
        if (node.Container is { } former && !ReferenceEquals(former, container.Entry))
            ProcessTree<Actor>.CrossOver(node);
        if (container.Entry.IsContainer && node.Actor is null && e.MountNamespace == _side.HostMountNamespace)
        {
            // The runtime still setting the container up (runc re-executing itself): not the workload's doing.
            node.Flags |= ProcessFlags.RuntimeSetup;
            node.Container = container.Entry;
            _counters[Counter.RuntimeSetup]++;
            return true;
        }
        node.Flags &= ~ProcessFlags.RuntimeSetup;
        // What came in from outside the watch is seen from its first exec here on, arguments and all.
        if ((e.Header.Flags & EventFlagBits.Snapshot) == 0)
            node.Flags |= ProcessFlags.SeenFromBirth;
        var (acting, flags) = BeginExec(container, node, e);
        var arguments = _redactor.Redact(e.Arguments);
        _counters[Counter.ArgumentsRedacted] = _redactor.Redacted;
        var exe = Encoding.UTF8.GetString(e.Exe);
        node.FormerActor = acting;
        node.ExecNs = e.Header.TimeNs;
        node.Container = container.Entry;
        node.Uid = e.Header.Uid;
        node.Comm = Comm(e.Header);
        node.Actor = ReferenceEquals(acting, RuntimeActor) ? Actor.Entry(exe) : acting.Exec(exe, FirstArgument(arguments));
        ProcessTree<Actor>.Exec(node, exe, arguments.ToArray(), ImageFlags(e.Header.Flags));
        _reporter.OnExec(container, node, e.Header);
        if ((e.Header.Flags & EventFlagBits.Snapshot) != 0)
        {
            // Was there before us: its ancestry is known from now on, and there is nothing to judge.
            if ((e.Header.Flags & EventFlagBits.Served) != 0)
                Serves(node);
            node.KeepArguments(MostKeptBytes);
            return true;
        }
        Observe(container, node, e.Header, new ContainerEvent
        {
            TimeNs = _models.Clock.FromUnix(_reporter.UnixNs(e.Header.TimeNs)),
            Kind = EventKind.Exec,
            Container = container.Facts,
            Actor = acting,
            Flags = flags | FlagsOf(e.Header) | FromElsewhere(container, acting, e.Header),
            Path = e.Exe,
            Path2 = e.Script,
            Arguments = arguments,
            Uid = e.Header.Uid,
            Lineage = LineageOf(node),
        });
        node.KeepArguments(MostKeptBytes);
        return true;
    }

    /// <summary>Who execs, read before the process becomes the new executable.</summary>
    static (Actor Acting, EventFlags Flags) BeginExec(WatchedContainer container, ProcessNode<Actor> node, in ExecEvent e)
    {
        var served = (e.Header.Flags & EventFlagBits.Served) != 0 || node.Serves || (node.Parent is { Serves: true } p && ReferenceEquals(p.Container, container.Entry));
        var flags = served ? EventFlags.ActorServes : EventFlags.None;
        if ((node.Flags & ProcessFlags.Injected) != 0)
            flags |= EventFlags.Injected;
        if ((node.Flags & ProcessFlags.EntryActor) != 0 && !node.Serves)
            flags |= EventFlags.EntryActor;
        if (node.Actor is { } acting)
            return (acting, flags);
        if (node.Parent is { Actor: { } parentActor } parent && ReferenceEquals(parent.Container, container.Entry))
            return (parentActor, flags);  // the fork was lost, the parent was not
        if (!container.EntrySeen || e.NamespacePid == 1)
        {
            container.EntrySeen = true;
            node.Flags |= ProcessFlags.EntryActor;
            return (RuntimeActor, flags | EventFlags.EntryActor);
        }
        node.Flags |= ProcessFlags.Injected;
        return (InjectedActor, flags | EventFlags.Injected);
    }

    /// <summary>
    /// Who acts in an event. The bulk ring may deliver what a process did before an exec after the exec itself: the
    /// event's time tells which of the two it was.
    /// </summary>
    static Actor ActorOf(ProcessNode<Actor> node, in EventHeader header) =>
        (header.TimeNs < node.ExecNs ? node.FormerActor : node.Actor) ?? UnknownActor;

    /// <summary>The acting process, or null when it is the runtime's or cannot be entered.</summary>
    ProcessNode<Actor>? ActingNode(WatchedContainer container, in EventHeader header)
    {
        if (_tree.GetOrAdd(KeyOf(header), ParentKeyOf(header), header.TimeNs) is not { } node)
            return null;
        if ((node.Flags & ProcessFlags.RuntimeSetup) != 0)
        {
            _counters[Counter.RuntimeSetup]++;
            return null;
        }
        if (node.Actor is null && !container.Entry.IsContainer)
        {
            // A service of the host before its first exec there: forked by what started it.
            node.Actor = RuntimeActor;
            node.Container = container.Entry;
        }
        else if (node.Actor is null)
        {
            // A lost exec, or a parent we never saw.
            _counters[Counter.UnknownProcess]++;
            node.Actor = node.Parent?.Actor ?? UnknownActor;
            node.Container ??= container.Entry;
            node.Comm = Comm(header);
        }
        return node;
    }

    /// <summary>
    /// A program from another file system than the container's root (a volume, a tmpfs) is not in the image. What the
    /// runtime itself starts, the container's specification says; services of the host have no image.
    /// </summary>
    static EventFlags FromElsewhere(WatchedContainer container, Actor acting, in EventHeader header) =>
        (header.Flags & EventFlagBits.NotOnRoot) != 0 && container.Entry.IsContainer && !ReferenceEquals(acting, RuntimeActor)
            && (header.Flags & (EventFlagBits.Memfd | EventFlagBits.Deleted)) == 0
            ? EventFlags.NotInImage : EventFlags.None;

    static EventFlags FlagsOf(in EventHeader header)
    {
        var bits = header.Flags;
        var flags = EventFlags.None;
        if ((bits & EventFlagBits.Failed) != 0)
            flags |= EventFlags.Failed;
        if ((bits & (EventFlagBits.Unverified | EventFlagBits.FdRaced)) != 0)
            flags |= EventFlags.Unverified;
        if ((bits & EventFlagBits.Truncated) != 0)
            flags |= EventFlags.Truncated;
        if ((bits & EventFlagBits.NotInImage) != 0)
            flags |= EventFlags.NotInImage;
        if ((bits & EventFlagBits.Memfd) != 0)
            flags |= EventFlags.Memfd;
        if ((bits & EventFlagBits.Deleted) != 0)
            flags |= EventFlags.Deleted;
        if ((bits & (EventFlagBits.Read | EventFlagBits.Write)) == (EventFlagBits.Read | EventFlagBits.Write))
            flags |= EventFlags.Reads;
        if ((bits & (EventFlagBits.StdinSocket | EventFlagBits.StdoutSocket)) != 0)
            flags |= EventFlags.StdioSocket;
        return flags;
    }

    static ProcessFlags ImageFlags(uint bits)
    {
        var flags = ProcessFlags.None;
        if ((bits & EventFlagBits.NotInImage) != 0)
            flags |= ProcessFlags.NotInImage;
        if ((bits & EventFlagBits.Memfd) != 0)
            flags |= ProcessFlags.Memfd;
        if ((bits & EventFlagBits.Deleted) != 0)
            flags |= ProcessFlags.Deleted;
        if ((bits & EventFlagBits.Truncated) != 0)
            flags |= ProcessFlags.ArgumentsTruncated;
        if ((bits & EventFlagBits.Snapshot) != 0)
            flags |= ProcessFlags.StartApproximate;
        return flags;
    }

    static ReadOnlySpan<byte> FirstArgument(ReadOnlySpan<byte> block) =>
        block.IndexOf((byte)0) is >= 0 and var end ? block[..end] : block;

    static string Comm(in EventHeader header)
    {
        ReadOnlySpan<byte> comm = header.Comm;
        var end = comm.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? comm : comm[..end]);
    }

    static ProcessKey KeyOf(in EventHeader header) => new(header.Pid, header.StartNs);

    static ProcessKey ParentKeyOf(in EventHeader header) => new(header.ParentPid, header.ParentStartNs);
}
