using Google.Protobuf.Collections;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// What the loop does once a second and less often: losses into coverage, the minute's activity, evidence, the local
/// copies of baselines and names, the heartbeat. Loop thread only; files are written by a task.
/// </summary>
sealed class Housekeeping(BpfSensor sensor, Reporter reporter, CoverageLedger coverage, ModelExchange models, LinkSide link)
{
    const ulong Second = 1_000_000_000;
    const ulong CoverageNs = 60 * Second;
    const ulong EvidenceNs = 2 * Second;
    const ulong SaveNs = 30 * Second;
    const ulong ReconcileNs = 30 * Second;
    const long MinuteNs = 60_000_000_000;

    // Every counter there can be: slots by classes by causes.
    readonly LossCounter[] _kernelLosses = new LossCounter[SlotTable.MostLosses];
    int _kernelLossCount;  // read once a second
    readonly Dictionary<(uint Slot, string Class, string Cause), ulong> _voided = [];
    ulong _coverageAt, _evidenceAt, _saveAt, _heartbeatAt, _reconcileAt;
    ulong _unheardOf;
    long _minute;
    ulong _namesAt;
    Task _saving = Task.CompletedTask;
    Task _savingNames = Task.CompletedTask;  // apart: baselines take longer than a name may wait

    /// <param name="bootNs">Now, CLOCK_BOOTTIME: periods are measured by a clock that nobody sets.</param>
    /// <param name="unixNs">The same moment by the wall clock: what is written down.</param>
    public void Tick(ulong bootNs, long unixNs)
    {
        _kernelLossCount = sensor.ReadLosses(_kernelLosses);
        VoidLossyUnits(unixNs);
        models.Advance(unixNs);
        coverage.Update(Losses());
        Try(() => coverage.Mark(unixNs));
        if (Due(ref _coverageAt, bootNs, CoverageNs))
            coverage.Close(unixNs);
        if (unixNs / MinuteNs != _minute)
        {
            _minute = unixNs / MinuteNs;
            reporter.FlushActivity();
        }
        if (Due(ref _evidenceAt, bootNs, EvidenceNs))
            models.SendEvidence(bootNs);
        if (_saving.IsCompleted && Due(ref _saveAt, bootNs, SaveNs))
            _saving = Save();
        if (_savingNames.IsCompleted && bootNs >= _namesAt)
            _savingNames = SaveNames(bootNs);
        if (UnheardOf() is var unheardOf && unheardOf != _unheardOf && Due(ref _reconcileAt, bootNs, ReconcileNs))
        {
            _unheardOf = unheardOf;
            link.Reconcile(bootNs);
        }
        if (Due(ref _heartbeatAt, bootNs, link.HeartbeatNs))
            link.Link.TrySend(new FromAgent { Heartbeat = Heartbeat(unixNs) });
    }

    /// <summary>Last words: the minute so far, the span so far, every baseline and name on disk.</summary>
    public void Stop(long unixNs)
    {
        reporter.FlushActivity();
        _kernelLossCount = sensor.ReadLosses(_kernelLosses);
        coverage.Update(Losses());
        coverage.Close(unixNs);
        Try(() => coverage.Mark(unixNs));
        Try(() => _saving.GetAwaiter().GetResult());
        Try(() => Save().GetAwaiter().GetResult());
        Try(() => _savingNames.GetAwaiter().GetResult());
        Try(() => SaveNames(BootClock.BootNs, all: true).GetAwaiter().GetResult());
    }

    /// <summary>Says at once what is running here: called when the collector has just welcomed us.</summary>
    public void HeartbeatNow() => _heartbeatAt = 0;

    /// <summary>A full or failing disk is counted and reported; the watch goes on.</summary>
    void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            link.Counters.Add(Counter.DiskFailed);
        }
    }

    Task Save()
    {
        // A save that failed (disk full) must not pass for one that worked: it is said, and made up for by the next.
        if (_saving.IsFaulted)
        {
            link.Counters.Add(Counter.DiskFailed);
            link.Log.SaveFailed(_saving.Exception.InnerException!.Message);
            models.MarkAllDirty();
        }
        var dirty = models.TakeDirty();
        var store = link.Store;
        return dirty.Count == 0 ? Task.CompletedTask : Task.Run(() =>
        {
            foreach (var model in dirty)
                store.Save(model);
        });
    }

    Task SaveNames(ulong bootNs, bool all = false)
    {
        if (_savingNames.IsFaulted)
        {
            link.Counters.Add(Counter.DiskFailed);
            link.Log.NamesNotSaved(_savingNames.Exception.InnerException!.Message);
            link.Names.MarkAll();
            _namesAt = bootNs + SaveNs;
            if (!all)
                return Task.CompletedTask;
        }
        var changed = link.Names.TakeChanged(bootNs, all);
        return changed.Count == 0 ? Task.CompletedTask : Task.Run(() => link.Names.Save(changed));
    }

    void VoidLossyUnits(long unixNs)
    {
        foreach (var loss in _kernelLosses.AsSpan(0, _kernelLossCount))
        {
            var key = (loss.Slot, loss.Class, loss.Cause);
            if (_voided.GetValueOrDefault(key) == loss.Count)
                continue;
            _voided[key] = loss.Count;
            link.OnLost(loss.Slot, loss.Class, unixNs);
        }
    }

    /// <summary>Losses after which a cgroup, a process or an exit may have gone unheard of.</summary>
    ulong UnheardOf()
    {
        var sum = (ulong)link.Counters[Counter.ProcessesRefused];
        foreach (var loss in _kernelLosses.AsSpan(0, _kernelLossCount))
            if (loss.Class is "cgroup" or "process" && loss.Cause is "ring_full" or "busy" or "slots_full" or "rate" or "tasks_full")
                sum += loss.Count;
        return sum;
    }

    IEnumerable<(string Cause, string Class, ulong Value)> Losses()
    {
        var kernel = _kernelLosses.Take(_kernelLossCount)
            .GroupBy(l => (l.Cause, l.Class))
            .Select(g => (g.Key.Cause, g.Key.Class, g.Aggregate(0ul, (sum, l) => sum + l.Count)));
        var user = from c in LostInUserSpace
                   let value = link.Counters[c]
                   where value > 0
                   select (Counters.NameOf(c), "", (ulong)value);
        var identity = from c in LostBeforeIdentity
                       let value = link.Containers[c]
                       where value > 0
                       select (ContainerCounters.Names[(int)c], "", (ulong)value);
        return kernel.Concat(user).Concat(identity);
    }

    static readonly Counter[] LostInUserSpace =
    [
        Counter.Malformed, Counter.ParkedFull, Counter.Unattributed, Counter.ActivityFull, Counter.AnomalyQueueFull,
        Counter.RecordQueueFull, Counter.AnomalySpoolFull, Counter.RecordSpoolFull, Counter.ProcessesRefused, Counter.TasksFull,
        Counter.CgroupsFull, Counter.SpoolFailed, Counter.AnomalyRate, Counter.BehavioursRefused, Counter.JudgedEvicted,
        Counter.NamesRefused, Counter.ModelContainersEvicted,
    ];

    static readonly ContainerCounter[] LostBeforeIdentity = [ContainerCounter.TableFull, ContainerCounter.ForgottenParked];

    Heartbeat Heartbeat(long unixNs)
    {
        var heartbeat = new Heartbeat
        {
            TimeUnixNs = unixNs,
            SpooledBytes = (ulong)(link.Spool.Anomalies.Bytes + link.Spool.Records.Bytes),
            RssAnonBytes = ProcfsMemory.RssAnonBytes(),
            RingBytes = sensor.RingBytes,
        };
        foreach (var (name, value) in link.Counters.All())
            heartbeat.Counters.Add(new Proto.Counter { Name = name, Value = (ulong)value });
        for (var i = 0; i < ContainerCounters.Names.Length; i++)
            heartbeat.Counters.Add(new Proto.Counter
            {
                Name = ContainerCounters.Names[i],
                Value = (ulong)link.Containers[(ContainerCounter)i],
            });
        foreach (var loss in Losses())
            heartbeat.Counters.Add(new Proto.Counter { Name = loss.Cause, EventClass = loss.Class, Value = loss.Value });
        AddContainers(heartbeat.Containers);
        return heartbeat;
    }

    void AddContainers(RepeatedField<ContainerStatus> into)
    {
        foreach (var entry in link.Resolver.Current)
            if (entry is { State: ContainerState.Live, Tag: WatchedContainer watched })
                into.Add(new ContainerStatus { Container = entry.Facts, SeenFromBirth = watched.Facts.SeenFromBirth });
    }

    static bool Due(ref ulong at, ulong now, ulong every)
    {
        if (now < at)
            return false;
        at = now + every;
        return true;
    }
}
