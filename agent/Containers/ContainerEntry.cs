using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent.Containers;

enum ContainerState
{
    /// <summary>The runtime is being asked; samples are parked.</summary>
    Resolving,
    /// <summary>Identity is known; samples stay parked until the Pipeline releases it (its workload's model is here).</summary>
    Held,
    Live,
    /// <summary>Its cgroup is gone; kept for minutes, so that late events and alerts still name it.</summary>
    Dead,
}

/// <summary>One container (or unit, or other workload of the host). Loop thread only.</summary>
sealed class ContainerEntry
{
    internal ContainerEntry(ulong cgroupId, uint slot, string path, CgroupName name, ParkedSamples parked)
    {
        (CgroupId, Slot, Path, Name, Parked) = (cgroupId, slot, path, name, parked);
    }

    /// <summary>Of its outermost cgroup; nested cgroups of the container lead to the same entry.</summary>
    public ulong CgroupId { get; }

    /// <summary>The kernel side's small number for it, unique while it lives; 0 until there was a free one.</summary>
    public uint Slot { get; set; }

    /// <summary>A container, or what may be one; else a service, session or other cgroup of the host.</summary>
    public bool IsContainer => Name.Kind is CgroupKind.Container or CgroupKind.Candidate;

    /// <summary>Of its outermost cgroup, below the cgroup root, as the kernel had it: not fit to be shown as it is.</summary>
    public string Path { get; }

    public CgroupName Name { get; }

    public ContainerState State { get; internal set; }

    /// <summary>Samples found no room while it was not known whose they are: the hour they belong to is no evidence.</summary>
    public bool LostWhileParked { get; set; }

    /// <summary>Who it is. While resolving: the id alone. Replaced, never changed in place.</summary>
    public Container Facts { get; internal set; } = new();

    /// <summary>What its runtime said of its network; nothing when no runtime knows it.</summary>
    public NetworkFacts Network { get; internal set; } = NetworkFacts.None;

    /// <summary>
    /// No runtime has answered in time: judged under an identity of its own, (host, cgroup:PATH). A late answer comes
    /// through <see cref="ContainerResolver.Drain"/> like the first, and clears it.
    /// </summary>
    public bool Fallback { get; internal set; }

    /// <summary>Samples of this container that its parking space had no room for.</summary>
    public long ParkDropped => Parked.Dropped;

    /// <summary>What the Pipeline keeps per container (facts for the model, its baseline); opaque here.</summary>
    public object? Tag { get; set; }

    internal ParkedSamples Parked { get; }

    /// <summary>Cgroups that lead here and still exist.</summary>
    internal int Cgroups { get; set; } = 1;

    /// <summary>Every cgroup is gone. Held back while samples are parked: they are judged first.</summary>
    internal bool Removed { get; set; }

    /// <summary>Timestamp (TimeProvider) after which samples no longer wait for an answer.</summary>
    internal long Deadline { get; set; }

    internal CancellationTokenSource? LookUp { get; set; }

    /// <summary>Lets the answer of a look-up that was overtaken by another fall on the floor.</summary>
    internal bool Forgotten { get; set; }
}
