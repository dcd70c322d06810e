using System.Text;

namespace RuntimeGuard.Agent.Containers;

/// <summary>A process's identity: the pid alone is reused.</summary>
/// <param name="Pid">Thread group id in the initial pid namespace.</param>
/// <param name="StartNs">The leader's start, nanoseconds of CLOCK_BOOTTIME.</param>
readonly record struct ProcessKey(uint Pid, ulong StartNs);

/// <summary>What is known of one process beside its names.</summary>
[Flags]
enum ProcessFlags
{
    None = 0,
    /// <summary>Its fork was observed; otherwise ancestry and arguments come from procfs.</summary>
    SeenFromBirth = 1 << 0,
    /// <summary>It listens or has accepted a connection. Inherited by fork, cleared by exec.</summary>
    Serves = 1 << 1,
    /// <summary>The container's pid 1 or its exec chain before its first listen.</summary>
    EntryActor = 1 << 2,
    /// <summary>It, or an ancestor, was put into the running container from outside. Inherited.</summary>
    Injected = 1 << 3,
    NotInImage = 1 << 4,
    Memfd = 1 << 5,
    Deleted = 1 << 6,
    ArgumentsTruncated = 1 << 7,
    /// <summary><see cref="ProcessKey.StartNs"/> is only as good as procfs's clock ticks (10 ms).</summary>
    StartApproximate = 1 << 8,
    /// <summary>Some ancestors were left out because the chain was too long or they were evicted.</summary>
    AncestryCut = 1 << 9,
    /// <summary>The container runtime's own process, still setting the container up: not the workload. Inherited.</summary>
    RuntimeSetup = 1 << 10,
}

/// <summary>
/// One process, living or lingering. Owned by its <see cref="ProcessTree{TActor}"/> and by the loop thread, and recycled:
/// keep the <see cref="Key"/>, not the node, beyond the event at hand.
/// </summary>
sealed class ProcessNode<TActor>
    where TActor : class
{
    ProcessNode<TActor>? _parent;
    uint _generation;
    uint _parentGeneration;

    public ProcessKey Key { get; private set; }

    public uint Pid => Key.Pid;

    public ulong StartNs => Key.StartNs;

    /// <summary>The parent at fork (or in procfs), also after it exited; null when it was never known or is forgotten.</summary>
    public ProcessNode<TActor>? Parent => _parent is { } p && p._generation == _parentGeneration ? p : null;

    /// <summary>The parent's identity as the kernel named it, known even when <see cref="Parent"/> is not.</summary>
    public ProcessKey ParentKey { get; private set; }

    public string Exe { get; set; } = "";

    /// <summary>As the kernel has it, at most 16 bytes; control characters are still in it.</summary>
    public string Comm { get; set; } = "";

    /// <summary>Redacted by the caller before they are set; each ended by a zero byte. Shared by forks, never changed.</summary>
    public byte[] Arguments { get; internal set; } = [];

    /// <summary>Cuts what is kept of the arguments; the node says so.</summary>
    public void KeepArguments(int most)
    {
        if (Arguments.Length <= most)
            return;
        Arguments = Arguments[..most];
        Flags |= ProcessFlags.ArgumentsTruncated;
    }

    /// <summary>The arguments as text, at most so many: one byte each would make thousands.</summary>
    public (List<string> Texts, bool Truncated) ShowArguments(int most)
    {
        var texts = new List<string>();
        var rest = Arguments.AsSpan();
        while (!rest.IsEmpty && texts.Count < most)
        {
            var end = rest.IndexOf((byte)0);
            texts.Add(Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]));
            rest = end < 0 ? [] : rest[(end + 1)..];
        }
        return (texts, !rest.IsEmpty);
    }

    public uint Uid { get; set; }

    public ProcessFlags Flags { get; set; }

    public TActor? Actor { get; set; }

    /// <summary>Who it was before its last exec: an event older than <see cref="ExecNs"/> is that one's.</summary>
    public TActor? FormerActor { get; set; }

    /// <summary>When it last became another executable, CLOCK_BOOTTIME; 0 when never seen.</summary>
    public ulong ExecNs { get; set; }

    public ContainerEntry? Container { get; set; }

    /// <summary>First process of the subtree that departed; inherited by fork and kept by exec. Default: none did.</summary>
    public ProcessKey Lineage { get; set; }

    public bool Serves => (Flags & ProcessFlags.Serves) != 0;

    /// <summary>When it exited, same clock as the start; 0 while it lives.</summary>
    public ulong ExitNs { get; internal set; }

    public bool Exited => ExitNs != 0;

    /// <summary>Ancestors known below the first process of the container or host.</summary>
    internal int Depth { get; private set; }

    /// <summary>Nodes in the tree that name this one as parent: it is kept for them as long as there is room.</summary>
    internal int Children { get; set; }

    internal ProcessNode<TActor>? QueueNext { get; set; }

    internal void Begin(ProcessKey key, ProcessKey parentKey, ProcessNode<TActor>? parent)
    {
        (Key, ParentKey) = (key, parentKey);
        SetParent(parent);
    }

    internal void SetParent(ProcessNode<TActor>? parent)
    {
        _parent = parent;
        _parentGeneration = parent?._generation ?? 0;
        Depth = parent is null ? 0 : parent.Depth + 1;
        if (parent is not null)
            parent.Children++;
    }

    internal void Rekey(ProcessKey key) => Key = key;

    /// <summary>Makes every reference to it dead, and it fit for another process.</summary>
    internal void Recycle()
    {
        if (Parent is { } parent)
            parent.Children--;
        _generation++;
        _parent = null;
        (Exe, Comm, Arguments, Uid, Flags) = ("", "", [], 0, ProcessFlags.None);
        (Actor, Container, Lineage, ExitNs, Depth, Children, QueueNext) = (null, null, default, 0, 0, 0, null);
        (FormerActor, ExecNs) = (null, 0);
    }
}
