using System.Threading.Channels;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// Moves what the event loop hands over onto disk, each lane by a task of its own so that an anomaly never waits behind
/// records. The queues are bounded; drop policy: the newest is refused and counted, and once there is room again one
/// gap record says how many are missing and from when to when.
/// </summary>
sealed class SpoolWriter(Spool spool, Counters counters, TimeProvider time, Action appended)
{
    const int AnomalyQueue = 4096;
    const int RecordQueue = 65536;

    /// <summary>Both queues full of ordinary items.</summary>
    public const long MostQueuedBytes = (AnomalyQueue * 8192L) + (RecordQueue * 1024L);
    static readonly TimeSpan FlushEvery = TimeSpan.FromSeconds(1);

    readonly Channel<IMessage> _anomalies = Queue(AnomalyQueue);
    readonly Channel<IMessage> _records = Queue(RecordQueue);
    readonly Lock _gapLock = new();
    Gap? _gap;  // guarded by _gapLock

    /// <summary>Never blocks; false when the queue is full. Loop thread.</summary>
    public bool TryWrite(Anomaly anomaly) => TryWrite(Lane.Anomalies, anomaly);

    /// <inheritdoc cref="TryWrite(Anomaly)"/>
    public bool TryWrite(Record record) => TryWrite(Lane.Records, record);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await Task.WhenAll(DrainAsync(Lane.Anomalies, cancellation), DrainAsync(Lane.Records, cancellation));
        RecordGap();
    }

    /// <summary>No more items will come; <see cref="RunAsync"/> ends when all are on disk.</summary>
    public void Complete()
    {
        _anomalies.Writer.TryComplete();
        _records.Writer.TryComplete();
    }

    bool TryWrite(Lane lane, IMessage item)
    {
        if (Of(lane).Writer.TryWrite(item))
            return true;
        counters.Add(lane == Lane.Anomalies ? Counter.AnomalyQueueFull : Counter.RecordQueueFull);
        Missed(lane, "the agent's queue was full");
        return false;
    }

    async Task DrainAsync(Lane lane, CancellationToken cancellation)
    {
        var reader = Of(lane).Reader;
        var flushed = time.GetTimestamp();
        while (await reader.WaitToReadAsync(cancellation))
        {
            while (reader.TryRead(out var item))
                Append(lane, item);
            if (lane == Lane.Records)
                RecordGap();
            // Anomalies at once, all that came together by one flush: a flood of one container's must not hold up others'.
            if (lane == Lane.Anomalies || time.GetElapsedTime(flushed) > FlushEvery)
            {
                Flush(lane);
                flushed = time.GetTimestamp();
            }
            appended();
        }
        Flush(lane);
    }

    void Append(Lane lane, IMessage item)
    {
        try
        {
            if (spool[lane].TryAppend(item, durable: false))
                return;
            counters.Add(lane == Lane.Anomalies ? Counter.AnomalySpoolFull : Counter.RecordSpoolFull);
            Missed(lane, "the spool was full");
        }
        catch (IOException e)
        {
            // A full or failing disk: whoever fills it must not end the watch. Each item is tried anew.
            counters.Add(Counter.SpoolFailed);
            Missed(lane, $"the spool could not be written: {e.Message}");
        }
    }

    void Flush(Lane lane)
    {
        try
        {
            spool[lane].Flush();
        }
        catch (IOException)
        {
            // What is written stays readable and is sent; only a power loss before that could take it.
            counters.Add(Counter.SpoolFailed);
        }
    }

    /// <summary>Notes a hole; it becomes one record as soon as the records lane has room. Any thread.</summary>
    public void Missed(Lane lane, string reason)
    {
        var now = time.GetUtcNow().ToUnixNs();
        lock (_gapLock)
        {
            _gap ??= new Gap { FromUnixNs = now, Reason = reason };
            _gap.ToUnixNs = now;
            if (lane == Lane.Anomalies)
                _gap.Anomalies++;
            else
                _gap.Records++;
        }
    }

    void RecordGap()
    {
        if (TakeGap() is not { } gap)
            return;
        try
        {
            if (spool.Records.TryAppend(new Record { Gap = gap }, durable: true))
                return;
        }
        catch (IOException)
        {
            counters.Add(Counter.SpoolFailed);
        }
        PutBack(gap);
    }

    Gap? TakeGap()
    {
        lock (_gapLock)
        {
            var gap = _gap;
            _gap = null;
            return gap;
        }
    }

    void PutBack(Gap gap)
    {
        lock (_gapLock)
        {
            if (_gap is { } newer)
            {
                gap.ToUnixNs = newer.ToUnixNs;
                gap.Anomalies += newer.Anomalies;
                gap.Records += newer.Records;
            }
            _gap = gap;
        }
    }

    Channel<IMessage> Of(Lane lane) => lane == Lane.Anomalies ? _anomalies : _records;

    static Channel<IMessage> Queue(int capacity) =>
        Channel.CreateBounded<IMessage>(new BoundedChannelOptions(capacity) { SingleReader = true, SingleWriter = true });
}
