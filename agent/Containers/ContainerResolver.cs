using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent.Containers;

/// <summary>Takes a container whose identity is known now; it is <see cref="ContainerState.Held"/> until released.</summary>
delegate void Resolved(ContainerEntry entry);

/// <summary>
/// cgroup id → container. Everything public is called on the loop thread; look-ups run elsewhere and come back through a
/// bounded channel and <c>wake</c>. A sample of a container that is not <see cref="ContainerState.Live"/> or
/// <see cref="ContainerState.Dead"/> is parked, and replayed in order by <see cref="Release"/>.
/// </summary>
sealed partial class ContainerResolver : IAsyncDisposable
{
    readonly Dictionary<ulong, ContainerEntry> _cgroups = [];
    readonly Dictionary<string, ContainerEntry> _byPrefix = [];
    readonly Dictionary<string, ContainerEntry> _byContainerId = [];
    readonly Queue<(ContainerEntry Entry, long Deadline)> _waiting = new();
    readonly Queue<(ContainerEntry Entry, ulong[] Cgroups, long Until)> _dead = new();
    readonly Channel<(ContainerEntry Entry, LookUpAnswer Answer)> _answers;
    readonly ParkingSpace _space;
    readonly ResolverOptions _options;
    readonly ContainerCounters _counters;
    readonly TimeProvider _time;

    /// <summary>
    /// <paramref name="lookUp"/> asks the runtimes; <paramref name="wake"/> wakes the loop from any thread, which then
    /// calls <see cref="Drain"/>.
    /// </summary>
    public ContainerResolver(
        RuntimeLookUp lookUp, Action wake, ResolverOptions options, ContainerCounters counters, TimeProvider time)
    {
        (_lookUp, _wake, _options, _counters, _time) = (lookUp, wake, options, counters, time);
        _space = new(options.ParkedBytesTotal);
        _concurrency = new(options.ConcurrentLookUps);
        // A look-up waits for room: at most one answer per container is under way, so nothing is dropped here.
        _answers = Channel.CreateBounded<(ContainerEntry, LookUpAnswer)>(
            new BoundedChannelOptions(256) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    }

    /// <summary>Containers known, dead ones included.</summary>
    public int Count => _byPrefix.Count + _dead.Count;

    /// <summary>Containers whose identity is known and that wait to be released.</summary>
    public int Held { get; private set; }

    /// <summary>Bytes of parked samples now.</summary>
    public int ParkedBytes => _space.Used;

    /// <summary>Every container that is not dead, in no order.</summary>
    public IEnumerable<ContainerEntry> Current => _byPrefix.Values;

    /// <summary>
    /// A cgroup was made, or was found at start. False when it is nobody's workload (a slice, a pod's directory) or the
    /// table is full (counted): the caller need not watch it. The path is the one below the cgroup root, as the kernel
    /// had it.
    /// </summary>
    public bool OnCgroupCreated(ulong cgroupId, uint slot, string path)
    {
        if (_cgroups.TryGetValue(cgroupId, out var known))
        {
            if (known.State != ContainerState.Dead)
                return true;
            _cgroups.Remove(cgroupId);
        }
        var name = CgroupPath.Parse(path);
        if (name.Kind == CgroupKind.Parent)
            return false;
        if (_byPrefix.TryGetValue(name.Prefix, out var outer))
        {
            if (_cgroups.Count >= _options.MaxCgroups || outer.Cgroups >= _options.MaxCgroupsPerContainer)
                return Full();
            _cgroups.Add(cgroupId, outer);
            outer.Cgroups++;
            return true;
        }
        if (name.Kind == CgroupKind.Container && _byContainerId.ContainsKey(name.Id))
        {
            _counters.Add(ContainerCounter.Conflict);
            name = new(CgroupKind.Host, "", "", name.Prefix);
        }
        if (Count >= _options.MaxContainers && !ForgetOldestDead())
            return Full();
        if (_cgroups.Count >= _options.MaxCgroups)
            return Full();
        Enter(cgroupId, slot, path, name);
        return true;
    }

    /// <summary>The cgroup is gone. Its container is dead with the last of its cgroups, and is kept for minutes.</summary>
    public void OnCgroupRemoved(ulong cgroupId)
    {
        if (!_cgroups.TryGetValue(cgroupId, out var entry) || entry.Removed)
            return;
        if (--entry.Cgroups > 0)
        {
            if (cgroupId != entry.CgroupId)
                _cgroups.Remove(cgroupId);
            return;
        }
        entry.Removed = true;
        _byPrefix.Remove(entry.Name.Prefix);
        if (entry.Name.Kind == CgroupKind.Container)
            _byContainerId.Remove(entry.Name.Id);
        ulong[] cgroups = cgroupId == entry.CgroupId ? [cgroupId] : [cgroupId, entry.CgroupId];
        _dead.Enqueue((entry, cgroups, Later(_options.KeepDead)));
        if (entry.State == ContainerState.Live)
            entry.State = ContainerState.Dead;
    }

    /// <summary>Hot path: one look-up, no allocation.</summary>
    public bool TryGet(ulong cgroupId, [NotNullWhen(true)] out ContainerEntry? entry) =>
        _cgroups.TryGetValue(cgroupId, out entry);

    /// <summary>
    /// Keeps a copy of the sample until the container is released. False when there was no room (newest dropped, counted
    /// here and in <see cref="ContainerEntry.ParkDropped"/>) or the cgroup is unknown.
    /// </summary>
    public bool Park(ulong cgroupId, ReadOnlySpan<byte> sample)
    {
        if (!_cgroups.TryGetValue(cgroupId, out var entry))
            return false;
        if (entry.Parked.TryAdd(sample))
            return true;
        _counters.Add(ContainerCounter.ParkDropped);
        return false;
    }

    /// <summary>
    /// Applies answers, gives containers whose deadline passed their fallback identity, and forgets old dead ones. Calls
    /// <paramref name="resolved"/> for every container whose identity became known or changed. Call it when woken and on
    /// every timer tick.
    /// </summary>
    public void Drain(Resolved resolved)
    {
        while (_answers.Reader.TryRead(out var arrived))
        {
            if (!arrived.Entry.Forgotten)
                Apply(arrived.Entry, arrived.Answer, resolved);
        }
        var now = _time.GetTimestamp();
        while (_waiting.TryPeek(out var next) && next.Deadline <= now)
        {
            _waiting.Dequeue();
            if (next.Entry is { State: ContainerState.Resolving, Forgotten: false })
                FallBack(next.Entry, resolved);
        }
        while (_dead.TryPeek(out var dead) && dead.Until <= now)
            ForgetOldestDead();
    }

    /// <summary>
    /// Lets a held container live: its parked samples go to <paramref name="replay"/> in order, and from now on its
    /// samples are no longer parked. A container whose cgroup is gone meanwhile is dead afterwards.
    /// </summary>
    public void Release(ContainerEntry entry, ParkedSample replay)
    {
        if (entry.State != ContainerState.Held)
            return;
        Held--;
        // Live before the replay: whoever looks it up for a replayed sample must not park it again.
        entry.State = entry.Removed ? ContainerState.Dead : ContainerState.Live;
        entry.Parked.Drain(replay);
    }

    bool Full()
    {
        _counters.Add(ContainerCounter.TableFull);
        return false;
    }

    void Enter(ulong cgroupId, uint slot, string path, CgroupName name)
    {
        var parked = new ParkedSamples(_space, _options.ParkedSamplesPerContainer, _options.ParkedBytesPerContainer);
        var entry = new ContainerEntry(cgroupId, slot, path, name, parked)
        {
            State = ContainerState.Resolving,
            Facts = new Container { Id = name.Id },
        };
        _cgroups.Add(cgroupId, entry);
        _byPrefix.Add(name.Prefix, entry);
        if (name.Kind == CgroupKind.Container)
            _byContainerId.Add(name.Id, entry);
        entry.Deadline = Later(_options.Deadline);
        _waiting.Enqueue((entry, entry.Deadline));
        Begin(entry);
    }

    void Apply(ContainerEntry entry, LookUpAnswer answer, Resolved resolved)
    {
        if (answer.Container is { } facts)
        {
            _counters.Add(ContainerCounter.Resolved);
            entry.Facts = facts;
            entry.Network = answer.Network ?? NetworkFacts.None;
            entry.Fallback = false;
        }
        else if (entry.State == ContainerState.Resolving && entry.Name.Kind != CgroupKind.Container)
        {
            entry.Facts = HostIdentity.Of(entry.Name, UtcNs());
        }
        else if (entry.State == ContainerState.Resolving)
        {
            FallBack(entry, resolved);
            return;
        }
        else
        {
            return;
        }
        Hold(entry, resolved);
    }

    void FallBack(ContainerEntry entry, Resolved resolved)
    {
        _counters.Add(ContainerCounter.Fallback);
        entry.Facts = HostIdentity.Of(entry.Name, UtcNs());
        entry.Fallback = true;
        Hold(entry, resolved);
    }

    void Hold(ContainerEntry entry, Resolved resolved)
    {
        if (entry.State != ContainerState.Held)
            Held++;
        entry.State = ContainerState.Held;
        resolved(entry);
    }

    bool ForgetOldestDead()
    {
        if (!_dead.TryDequeue(out var dead))
            return false;
        foreach (var id in dead.Cgroups)
        {
            if (_cgroups.TryGetValue(id, out var entry) && ReferenceEquals(entry, dead.Entry))
                _cgroups.Remove(id);
        }
        dead.Entry.Forgotten = true;
        if (dead.Entry.State == ContainerState.Held)
            Held--;
        dead.Entry.State = ContainerState.Dead;
        dead.Entry.LookUp?.Cancel();
        var lost = dead.Entry.Parked.Clear();
        if (lost > 0)
            _counters.Add(ContainerCounter.ForgottenParked, lost);
        return true;
    }

    long Later(TimeSpan span) => _time.GetTimestamp() + (long)(span.TotalSeconds * _time.TimestampFrequency);

    long UtcNs() => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
}
