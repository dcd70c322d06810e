using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// Cuts one lane's unacknowledged items into batches for one connection, starting after what the collector said it has.
/// Sends no further than a window ahead of the acks, so neither side buffers without bound.
/// </summary>
sealed class LaneSender
{
    const int BatchItems = 256;
    const int BatchBytes = 1 << 20;
    const int WindowItems = 4096;

    /// <summary>Batches under way at once: the collector reads no further than twice as many, and anomalies come behind them.</summary>
    const int WindowBatches = 8;

    readonly Lane _lane;
    readonly SpoolLane _spool;
    readonly Queue<ulong> _underWay = new(WindowBatches);  // the last number of each batch not yet acknowledged
    ulong _next;

    public LaneSender(Lane lane, SpoolLane spool, ulong committed)
    {
        (_lane, _spool) = (lane, spool);
        spool.Acknowledge(committed);
        _next = spool.FirstSeq;
    }

    /// <summary>The next batch, or null when nothing waits or the window is full.</summary>
    public Batch? Next()
    {
        while (_underWay.TryPeek(out var last) && last < _spool.FirstSeq)
            _underWay.Dequeue();
        if (_next >= _spool.NextSeq || _next - _spool.FirstSeq >= WindowItems || _underWay.Count >= WindowBatches)
            return null;
        var batch = new Batch { Lane = _lane, FirstSeq = _next };
        if (_lane == Lane.Anomalies)
            batch.Anomalies.Add(_spool.Read(_next, BatchItems, BatchBytes, Anomaly.Parser));
        else
            batch.Records.Add(_spool.Read(_next, BatchItems, BatchBytes, Record.Parser));
        _next += (ulong)(batch.Anomalies.Count + batch.Records.Count);
        _underWay.Enqueue(_next - 1);
        return batch;
    }
}
