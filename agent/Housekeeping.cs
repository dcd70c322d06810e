using Google.Protobuf.Collections;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// What the loop does once a second and less often: losses into coverage, the minute's activity, evidence, the local
/// copies of baselines, the heartbeat. Loop thread only; files are written by a task.
/// </summary>
sealed class Housekeeping(BpfSensor sensor, Reporter reporter, CoverageLedger coverage, ModelExchange models, LinkSide link)
{
    const long Second = 1_000_000_000;
    const long CoverageNs = 60 * Second;
    const long EvidenceNs = 2 * Second;
    const long SaveNs = 30 * Second;

    readonly LossCounter[] _kernelLosses = new LossCounter[4096];
    int _kernelLossCount;  // read once a second
    readonly Dictionary<(uint Slot, string Class, string Cause), ulong> _voided = [];
    long _coverageAt, _evidenceAt, _saveAt, _heartbeatAt, _minute;
    Task _saving = Task.CompletedTask;

    public void Tick(long unixNs)
    {
        _kernelLossCount = sensor.ReadLosses(_kernelLosses);
        VoidLossyUnits(unixNs);
        models.Advance(unixNs);
        coverage.Update(Losses());
        coverage.Mark(unixNs);
        if (Due(ref _coverageAt, unixNs, CoverageNs))
            coverage.Close(unixNs);
        if (unixNs / (60 * Second) != _minute)
        {
            _minute = unixNs / (60 * Second);
            reporter.FlushActivity();
        }
        if (Due(ref _evidenceAt, unixNs, EvidenceNs))
            models.SendEvidence();
        if (_saving.IsCompleted && Due(ref _saveAt, unixNs, SaveNs))
            _saving = Save();
        if (Due(ref _heartbeatAt, unixNs, link.HeartbeatNs))
            link.Link.TrySend(new FromAgent { Heartbeat = Heartbeat(unixNs) });
    }

    /// <summary>Last words: the minute so far, the span so far, every baseline on disk.</summary>
    public void Stop(long unixNs)
    {
        reporter.FlushActivity();
        _kernelLossCount = sensor.ReadLosses(_kernelLosses);
        coverage.Update(Losses());
        coverage.Close(unixNs);
        coverage.Mark(unixNs);
        _saving.GetAwaiter().GetResult();
        Save().GetAwaiter().GetResult();
    }

    /// <summary>Says at once what is running here: called when the collector has just welcomed us.</summary>
    public void HeartbeatNow() => _heartbeatAt = 0;

    Task Save()
    {
        // A save that failed (disk full) must not pass for one that worked: the loop sees it at the next one.
        if (_saving.IsFaulted)
            link.Log.SaveFailed(_saving.Exception.InnerException!.Message);
        var dirty = models.TakeDirty();
        var store = link.Store;
        return dirty.Count == 0 ? Task.CompletedTask : Task.Run(() =>
        {
            foreach (var model in dirty)
                store.Save(model);
        });
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

    IEnumerable<(string Cause, string Class, ulong Value)> Losses()
    {
        var kernel = _kernelLosses.Take(_kernelLossCount)
            .GroupBy(l => (l.Cause, l.Class))
            .Select(g => (g.Key.Cause, g.Key.Class, g.Aggregate(0ul, (sum, l) => sum + l.Count)));
        var user = from c in LostInUserSpace
                   let value = link.Counters[c]
                   where value > 0
                   select (Counters.NameOf(c), "", (ulong)value);
        return kernel.Concat(user);
    }

    static readonly Counter[] LostInUserSpace =
    [
        Counter.Malformed, Counter.ParkedFull, Counter.Unattributed, Counter.ActivityFull, Counter.AnomalyQueueFull,
        Counter.RecordQueueFull, Counter.AnomalySpoolFull, Counter.RecordSpoolFull,
    ];

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

    static bool Due(ref long at, long now, long every)
    {
        if (now < at)
            return false;
        at = now + every;
        return true;
    }
}
