using System.Diagnostics.CodeAnalysis;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// (pid, start time) → process and its ancestors. Loop thread only; no clock: every time comes in with the event
/// (nanoseconds, CLOCK_BOOTTIME). Look-ups allocate nothing; nodes are pooled, so a fork allocates only while the table
/// grows. Exited processes linger for a stated time, and longer while living descendants name them, as room allows.
/// </summary>
/// <param name="capacity">Most nodes, living and lingering. Full: the oldest exited one goes, else the new one is refused.</param>
/// <param name="lingerNs">How long an exited process is kept, so that late events and alerts still find it.</param>
sealed class ProcessTree<TActor>(int capacity, ulong lingerNs)
    where TActor : class
{
    /// <summary>Longest chain of ancestors kept; a longer one is cut in its middle and flagged.</summary>
    public const int MaxDepth = 64;

    /// <summary>procfs tells a start in ticks of 10 ms.</summary>
    const ulong TickNs = 10_000_000;

    readonly Dictionary<ProcessKey, ProcessNode<TActor>> _nodes = new(Math.Min(capacity, 4096));
    readonly Dictionary<uint, ProcessNode<TActor>> _living = new(Math.Min(capacity, 4096));
    readonly Stack<ProcessNode<TActor>> _free = new();
    ProcessNode<TActor>? _exitedHead;
    ProcessNode<TActor>? _exitedTail;

    public int Count => _nodes.Count;

    public int Living => _living.Count;

    /// <summary>Exited processes forgotten before their time because the table was full.</summary>
    public long Evicted { get; private set; }

    /// <summary>Processes not entered: every node was a living one, or a successor has the pid already.</summary>
    public long Refused { get; private set; }

    /// <summary>Exits never reported, noticed when the pid came again.</summary>
    public long MissedExits { get; private set; }

    /// <summary>The process of that identity, living or lingering.</summary>
    public bool TryGet(uint pid, ulong startNs, [NotNullWhen(true)] out ProcessNode<TActor>? node) =>
        _nodes.TryGetValue(new(pid, startNs), out node) || TryGetApproximate(pid, startNs, out node);

    /// <summary>The process that has the pid now.</summary>
    public bool TryGetLiving(uint pid, [NotNullWhen(true)] out ProcessNode<TActor>? node) =>
        _living.TryGetValue(pid, out node);

    /// <summary>
    /// Enters a process that was just forked, as the likeness of its parent (executable, arguments, actor, container,
    /// lineage). Returns the node there is when the identity is known already, null when the table is full.
    /// </summary>
    public ProcessNode<TActor>? Fork(ProcessKey child, ProcessKey parentKey, ulong nowNs)
    {
        if (TryGet(child.Pid, child.StartNs, out var known))
            return known;
        // Before the parent is looked up: what expires now may be recycled as the very node to be entered.
        Expire(nowNs);
        TryGet(parentKey.Pid, parentKey.StartNs, out var parent);
        if (Enter(child, parentKey, parent, nowNs) is not { } node)
            return null;
        node.Flags |= ProcessFlags.SeenFromBirth;
        if (parent is not null)
            Inherit(node, parent);
        return node;
    }

    /// <summary>
    /// The node of a process that an event names, entered with nothing but its parent when it is not known (it was there
    /// before the agent, or its fork was lost). Null when the table is full.
    /// </summary>
    public ProcessNode<TActor>? GetOrAdd(ProcessKey key, ProcessKey parentKey, ulong nowNs)
    {
        if (TryGet(key.Pid, key.StartNs, out var known))
            return known;
        Expire(nowNs);
        TryGet(parentKey.Pid, parentKey.StartNs, out var parent);
        var node = Enter(key, parentKey, parent, nowNs);
        if (node is not null && parent is not null)
        {
            node.Container = parent.Container;
            node.Lineage = parent.Lineage;
            node.Flags |= parent.Flags & (ProcessFlags.Injected | ProcessFlags.AncestryCut);
        }
        return node;
    }

    /// <summary>Gives the process its new image; what it was (actor, serving) must be read before. Lineage stays.</summary>
    public static void Exec(ProcessNode<TActor> node, string exe, byte[] arguments, ProcessFlags image)
    {
        node.Exe = exe;
        node.Arguments = arguments;
        const ProcessFlags OfImage =
            ProcessFlags.NotInImage | ProcessFlags.Memfd | ProcessFlags.Deleted | ProcessFlags.ArgumentsTruncated;
        node.Flags = (node.Flags & ~(OfImage | ProcessFlags.Serves)) | image;
    }

    /// <summary>The process belongs to another container from its next exec on: what it inherited was the other's.</summary>
    public static void CrossOver(ProcessNode<TActor> node)
    {
        const ProcessFlags Inherited = ProcessFlags.Serves | ProcessFlags.EntryActor | ProcessFlags.Injected | ProcessFlags.RuntimeSetup;
        node.Flags &= ~Inherited;
        (node.Actor, node.FormerActor, node.ExecNs, node.Container, node.Lineage) = (null, null, 0, null, default);
    }

    /// <summary>Ends every process whose pid nobody has any more: its exit was never reported.</summary>
    /// <param name="livingPids">Read after the latest event that was handed over.</param>
    /// <param name="nowNs">When they were read.</param>
    public void EndMissing(IReadOnlySet<uint> livingPids, ulong nowNs)
    {
        foreach (var node in _living.Values.Where(n => !livingPids.Contains(n.Pid)).ToList())
        {
            MissedExits++;
            End(node, nowNs);
        }
    }

    /// <summary>The process ended; it lingers. False when it was not known.</summary>
    public bool Exit(uint pid, ulong startNs, ulong nowNs)
    {
        Expire(nowNs);
        if (!TryGet(pid, startNs, out var node) || node.Exited)
            return false;
        End(node, nowNs);
        return true;
    }

    /// <summary>Forgets what has lingered long enough. Cheap when nothing has: call it on every timer tick.</summary>
    public void Expire(ulong nowNs)
    {
        for (var turns = _nodes.Count; turns > 0 && _exitedHead is { } node; turns--)
        {
            if (node.ExitNs > nowNs || nowNs - node.ExitNs < lingerNs)
                return;
            Dequeue();
            if (node.Children > 0)
            {
                // Descendants live: their ancestry is evidence. It waits another round, and is first to go when full.
                node.ExitNs = Math.Max(nowNs, 1);
                Enqueue(node);
            }
            else
            {
                Forget(node);
            }
        }
    }

    /// <summary>Fills <paramref name="into"/> with the ancestors, parent first; returns how many.</summary>
    public static int Ancestors(ProcessNode<TActor> node, Span<ProcessNode<TActor>> into)
    {
        var n = 0;
        for (var a = node.Parent; a is not null && n < into.Length; a = a.Parent)
            into[n++] = a;
        return n;
    }

    /// <summary>Every node, living and lingering, in no order; for pictures taken off the hot path.</summary>
    public IEnumerable<ProcessNode<TActor>> All => _nodes.Values;

    bool TryGetApproximate(uint pid, ulong startNs, [NotNullWhen(true)] out ProcessNode<TActor>? node)
    {
        if (!_living.TryGetValue(pid, out node))
            return false;
        // One of the two starts may be procfs's: they are the same process when no whole tick lies between them.
        var distance = Math.Max(node.StartNs, startNs) - Math.Min(node.StartNs, startNs);
        if ((node.Flags & ProcessFlags.StartApproximate) == 0 || distance > TickNs)
        {
            node = null;
            return false;
        }
        _nodes.Remove(node.Key);
        node.Rekey(new(pid, startNs));
        node.Flags &= ~ProcessFlags.StartApproximate;
        _nodes.Add(node.Key, node);
        return true;
    }

    ProcessNode<TActor>? Enter(ProcessKey key, ProcessKey parentKey, ProcessNode<TActor>? parent, ulong nowNs)
    {
        if (_living.TryGetValue(key.Pid, out var former))
        {
            // An event that was late for a predecessor must not end its successor.
            if (former.StartNs > key.StartNs)
            {
                Refused++;
                return null;
            }
            MissedExits++;
            End(former, nowNs);
        }
        if (_nodes.Count >= capacity && !EvictOldestExited(parent))
        {
            Refused++;
            return null;
        }
        var node = _free.TryPop(out var pooled) ? pooled : new();
        var cut = parent is not null && parent.Depth >= MaxDepth;
        node.Begin(key, parentKey, cut ? Top(parent!) : parent);
        if (cut || (parent is null && parentKey.Pid != 0))
            node.Flags |= ProcessFlags.AncestryCut;
        _nodes.Add(key, node);
        _living.Add(key.Pid, node);
        return node;
    }

    static void Inherit(ProcessNode<TActor> node, ProcessNode<TActor> parent)
    {
        (node.Exe, node.Comm, node.Arguments, node.Uid) = (parent.Exe, parent.Comm, parent.Arguments, parent.Uid);
        (node.Actor, node.Container, node.Lineage) = (parent.Actor, parent.Container, parent.Lineage);
        const ProcessFlags OwnOnly =
            ProcessFlags.SeenFromBirth | ProcessFlags.StartApproximate | ProcessFlags.EntryActor;
        node.Flags |= parent.Flags & ~OwnOnly;
    }

    static ProcessNode<TActor> Top(ProcessNode<TActor> node)
    {
        while (node.Parent is { } parent)
            node = parent;
        return node;
    }

    void End(ProcessNode<TActor> node, ulong nowNs)
    {
        node.ExitNs = Math.Max(nowNs, 1);
        if (_living.TryGetValue(node.Pid, out var living) && ReferenceEquals(living, node))
            _living.Remove(node.Pid);
        Enqueue(node);
    }

    bool EvictOldestExited(ProcessNode<TActor>? spare)
    {
        for (var turns = 0; turns < 2 && _exitedHead is { } node; turns++)
        {
            Dequeue();
            if (ReferenceEquals(node, spare))
            {
                Enqueue(node);
                continue;
            }
            Forget(node);
            Evicted++;
            return true;
        }
        return false;
    }

    void Forget(ProcessNode<TActor> node)
    {
        _nodes.Remove(node.Key);
        node.Recycle();
        _free.Push(node);
    }

    void Enqueue(ProcessNode<TActor> node)
    {
        node.QueueNext = null;
        if (_exitedTail is null)
            _exitedHead = node;
        else
            _exitedTail.QueueNext = node;
        _exitedTail = node;
    }

    void Dequeue()
    {
        var head = _exitedHead!;
        _exitedHead = head.QueueNext;
        if (_exitedHead is null)
            _exitedTail = null;
        head.QueueNext = null;
    }
}
