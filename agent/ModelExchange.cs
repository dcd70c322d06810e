using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// Which workloads run here and what the collector says of them: a new container waits (bounded) until its workload's
/// model is here, evidence goes up until it is acknowledged, models and policies come down. Loop thread only.
/// </summary>
sealed class ModelExchange(BaselineSet baselines, BaselineStore store, CollectorLink link, Counters counters)
{
    /// <summary>Longest a container's events wait for the model once its identity is known.</summary>
    const ulong HoldNs = 3_000_000_000;

    /// <summary>Evidence nobody acknowledged is sent again after this: merging is idempotent.</summary>
    const ulong ResendNs = 60_000_000_000;

    /// <summary>The loop comes by every second; so long without it is no slow second.</summary>
    const long PauseNs = 60_000_000_000;

    readonly Dictionary<WorkloadKey, int> _running = [];
    readonly HashSet<WorkloadKey> _answered = [];   // models received over this connection
    readonly Dictionary<WorkloadKey, ulong> _unconfirmed = []; // evidence sent, not yet acknowledged, and when
    long _advancedUnixNs;
    readonly List<(ContainerEntry Entry, WorkloadKey Workload, ulong UntilNs)> _held = [];
    readonly HashSet<WorkloadKey> _dirty = [];
    bool _mayAnswer = true;  // connected, or the first attempt has not failed yet
    bool _connected;

    public ModelClock Clock { get; private set; } = ModelClock.Unscaled;

    public IEnumerable<WorkloadKey> Running => _running.Keys;

    /// <summary>Takes the copies this node kept over a restart.</summary>
    public void Load()
    {
        Clock = store.LoadClock();
        foreach (var model in store.LoadAll())
            baselines.GetOrAdd(KeyOf(model.Workload)).Restore(model);
        counters[Counter.BaselineFileRefused] = store.Refused;
    }

    /// <summary>A container of this workload appeared. True: hold its events, <paramref name="entry"/> comes out of <see cref="Releasable"/>.</summary>
    public bool Join(ContainerEntry entry, WorkloadKey workload, ulong nowNs)
    {
        var first = !_running.TryGetValue(workload, out var count);
        _running[workload] = count + 1;
        baselines.Pin(workload);
        if (first && _connected)
            Watch();
        if (!_mayAnswer || _answered.Contains(workload))
            return false;
        _held.Add((entry, workload, nowNs + HoldNs));
        return true;
    }

    public void Leave(WorkloadKey workload)
    {
        if (!_running.TryGetValue(workload, out var count))
            return;
        if (count > 1)
        {
            _running[workload] = count - 1;
            return;
        }
        _running.Remove(workload);
        baselines.Unpin(workload);
        _answered.Remove(workload);
        if (_connected)
            Watch();
    }

    /// <summary>
    /// Lets quiet container-hours count. Called every second; models decide what has ended. A pause of a minute or more (a suspended
    /// machine, a clock that was set) is a gap: nobody watched, and what was not seen then says nothing.
    /// </summary>
    public void Advance(long unixNs)
    {
        var now = Clock.FromUnix(unixNs);
        if (_advancedUnixNs > 0 && unixNs - _advancedUnixNs > PauseNs)
            baselines.Skip(now);
        else
            baselines.Advance(now);
        _advancedUnixNs = unixNs;
    }

    public Baseline BaselineOf(WorkloadKey workload) => baselines.GetOrAdd(workload);

    /// <summary>Takes containers whose wait is over, in the order they came: their model is here, or nobody can answer.</summary>
    public void Releasable(ulong nowNs, Action<ContainerEntry> release)
    {
        for (var i = 0; i < _held.Count;)
        {
            var (entry, workload, until) = _held[i];
            var expired = nowNs >= until;
            if (_mayAnswer && !expired && !_answered.Contains(workload))
            {
                i++;
                continue;
            }
            if (_mayAnswer && expired)
                counters.Add(Counter.ModelHoldExpired);
            _held.RemoveAt(i);
            release(entry);
        }
    }

    /// <summary>Handles what the link says; the clock must be right before the next event is judged.</summary>
    public void Receive(in LinkMessage message)
    {
        if (message.Connected is { } welcome)
        {
            var clock = new ModelClock(welcome.TimeScale, welcome.TimeScaleOriginUnixNs);
            if (clock != Clock)
                Keep(clock);
            (_connected, _mayAnswer) = (true, true);
            _answered.Clear();
            _unconfirmed.Clear();
            Watch();
        }
        else if (message.Disconnected)
        {
            (_connected, _mayAnswer) = (false, false);
        }
        else if (message.Model is { Workload: not null } model)
        {
            var key = KeyOf(model.Workload);
            baselines.GetOrAdd(key).Apply(Clock.FromUnix(model));
            _answered.Add(key);
            _dirty.Add(key);
        }
        else if (message.EvidenceAck is { Workload: not null } ack)
        {
            var key = KeyOf(ack.Workload);
            if (ack.Refused.Length > 0)
            {
                // Kept and sent again in a while: most reasons pass, and those that do not are counted each time.
                counters.Add(Counter.EvidenceRefusedByCollector);
                return;
            }
            baselines.GetOrAdd(key).Acknowledge(ack.Generation, ack.Revision);
            _unconfirmed.Remove(key);
        }
    }

    /// <summary>Sends evidence that changed since it was last acknowledged.</summary>
    /// <param name="nowNs">CLOCK_BOOTTIME.</param>
    public void SendEvidence(ulong nowNs)
    {
        var lost = new BaselineCounters();
        foreach (var baseline in baselines.All)
        {
            lost += baseline.Counters;
            if (!_connected || (_unconfirmed.TryGetValue(baseline.Workload, out var sent) && nowNs - sent < ResendNs)
                || baseline.TakeDelta() is not { } delta)
                continue;
            _dirty.Add(baseline.Workload);
            if (link.TrySend(new FromAgent { Evidence = delta }))
                _unconfirmed[baseline.Workload] = nowNs;
        }
        counters[Counter.BaselinesEvicted] = baselines.Evicted;
        counters[Counter.BehavioursEvicted] = Math.Max(counters[Counter.BehavioursEvicted], lost.BehavioursEvicted);
        counters[Counter.BehavioursRefused] = Math.Max(counters[Counter.BehavioursRefused], lost.BehavioursRefused);
        counters[Counter.JudgedEvicted] = Math.Max(counters[Counter.JudgedEvicted], lost.JudgedEvicted);
        counters[Counter.NamesRefused] = Math.Max(counters[Counter.NamesRefused], lost.NamesRefused);
        counters[Counter.ModelContainersEvicted] = Math.Max(counters[Counter.ModelContainersEvicted], lost.ContainersEvicted);
        counters[Counter.EvidenceRefused] = Math.Max(counters[Counter.EvidenceRefused], lost.EvidenceRefused);
    }

    /// <summary>The last save failed: all of it is saved again.</summary>
    public void MarkAllDirty()
    {
        foreach (var baseline in baselines.All)
            _dirty.Add(baseline.Workload);
    }

    /// <summary>Models changed since the last call, for the local copy; serialised on the loop, written elsewhere.</summary>
    public IReadOnlyList<Model> TakeDirty()
    {
        var models = _dirty.Select(k => baselines.GetOrAdd(k).Snapshot()).ToList();
        _dirty.Clear();
        return models;
    }

    void Keep(ModelClock clock)
    {
        Clock = clock;
        try
        {
            store.SaveClock(clock);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The collector says it again at the next connection; only a restart without one would go by the old clock.
            counters.Add(Counter.DiskFailed);
        }
    }

    void Watch()
    {
        var watch = new WatchWorkloads();
        foreach (var key in _running.Keys)
            watch.Workloads.Add(new Workload { Namespace = key.Namespace, Image = key.Image });
        link.TrySend(new FromAgent { Watch = watch });
    }

    static WorkloadKey KeyOf(Workload workload) => new(workload.Namespace, workload.Image);
}
