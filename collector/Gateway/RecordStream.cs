using System.Threading.Channels;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>
/// The records lane of one stream: checks and joins, queues for group commit, acknowledges in order. Its queue stands
/// between the stream's reader and the store, so that a slow commit holds up records and not anomalies.
/// </summary>
sealed class RecordStream(CollectorParts parts, LaneKey key, ChannelWriter<FromCollector> acks)
{
    const string Label = "records";

    // Both wait when full: 16 batches unforwarded, 16 uncommitted.
    readonly Channel<Batch> _arrived = Channel.CreateBounded<Batch>(WireLimits.RecordBatchesInFlight);
    readonly Channel<Task<ulong>> _committing = Channel.CreateBounded<Task<ulong>>(WireLimits.RecordBatchesInFlight);

    public ValueTask AcceptAsync(Batch batch, CancellationToken cancellation) => _arrived.Writer.WriteAsync(batch, cancellation);

    /// <exception cref="LaneSequenceException">A batch left a hole.</exception>
    /// <exception cref="HistoryException">The store could not commit.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] parallel = [ForwardAsync(stop.Token), AcknowledgeAsync(stop.Token)];
        try
        {
            await await Task.WhenAny(parallel);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(parallel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    async Task ForwardAsync(CancellationToken cancellation)
    {
        await foreach (var batch in _arrived.Reader.ReadAllAsync(cancellation))
        {
            // The numbers are checked by the store, in the turn of the commit; this keeps their sum from overflowing.
            LaneSequence.Repeats(null, batch.FirstSeq, batch.Records.Count);
            var rows = new HistoryBatch(key, batch.FirstSeq, batch.FirstSeq + (ulong)batch.Records.Count - 1, Items(batch));
            var commit = await parts.History.AppendAsync(rows, cancellation);
            await _committing.Writer.WriteAsync(commit, cancellation);
        }
    }

    async Task AcknowledgeAsync(CancellationToken cancellation)
    {
        await foreach (var commit in _committing.Reader.ReadAllAsync(cancellation))
        {
            var seq = await commit.WaitAsync(cancellation);
            await acks.WriteAsync(new FromCollector { Ack = new Ack { Lane = Lane.Records, Seq = seq } }, cancellation);
        }
    }

    HistoryItem?[] Items(Batch batch)
    {
        var now = parts.Time.UnixNs();
        var items = new HistoryItem?[batch.Records.Count];
        for (var i = 0; i < items.Length; i++)
        {
            if (RecordCheck.Reason(batch.Records[i]) is { } reason)
            {
                parts.Diagnostics.ItemsRejected.WithLabels(Label, reason).Inc();
                continue;
            }
            if (ItemFit.Fit(batch.Records[i]))
            {
                parts.Diagnostics.ItemsShortened.WithLabels(Label).Inc();
            }
            items[i] = parts.HistoryItems.Of(key.Node, batch.Records[i], now);
        }
        return items;
    }
}
