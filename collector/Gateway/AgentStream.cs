using System.Threading.Channels;
using Google.Protobuf.Collections;
using Grpc.Core;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>An agent's stream after Welcome: reads lanes, commits, acknowledges. One instance per stream.</summary>
sealed class AgentStream(CollectorParts parts, LiveNode live, LaneKey key)
{
    /// <summary>How long an agent may take to read the last acknowledgements of a stream that ends.</summary>
    static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    // Waits when full: an agent that does not read its acks is not read either.
    readonly Channel<FromCollector> _out = Channel.CreateBounded<FromCollector>(
        new BoundedChannelOptions(64) { SingleReader = true });

    /// <summary>Whichever part ends first ends the stream, and its failure is what the agent is told.</summary>
    /// <exception cref="LaneSequenceException">A batch left a hole.</exception>
    public async Task RunAsync(
        IAsyncStreamReader<FromAgent> reader, IServerStreamWriter<FromCollector> writer, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var abort = new CancellationTokenSource(Timeout.InfiniteTimeSpan, parts.Time);
        var records = new RecordStream(parts, key, _out.Writer);
        using var workloads = new WorkloadStream(parts, key, _out.Writer);
        Task[] sources = [ReadAsync(reader, records, workloads, stop.Token), records.RunAsync(stop.Token), workloads.RunAsync(stop.Token)];
        var writing = WriteAsync(writer, abort.Token);
        try
        {
            await await Task.WhenAny([.. sources, writing]);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(sources).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // What is durable is acknowledged before the status; an agent that does not read is cut off.
            _out.Writer.TryComplete();
            abort.CancelAfter(LastWords);
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    async Task ReadAsync(
        IAsyncStreamReader<FromAgent> reader, RecordStream records, WorkloadStream workloads, CancellationToken cancellation)
    {
        while (await reader.NextAsync(cancellation))
        {
            var message = reader.Current;
            live.Heard(parts.Time.UnixNs());
            switch (message.MessageCase)
            {
                case FromAgent.MessageOneofCase.Batch:
                    await AcceptAsync(message.Batch, records, cancellation);
                    break;
                case FromAgent.MessageOneofCase.Heartbeat:
                    Beat(message.Heartbeat);
                    await workloads.TryWaitingAsync(cancellation);
                    break;
                case FromAgent.MessageOneofCase.Watch:
                    await workloads.WatchAsync(message.Watch, cancellation);
                    break;
                case FromAgent.MessageOneofCase.Evidence:
                    await workloads.MergeAsync(message.Evidence, cancellation);
                    break;
                case FromAgent.MessageOneofCase.Hello:
                    throw new RpcException(new Status(StatusCode.InvalidArgument, "Hello is sent once, first"));
                default:
                    parts.Diagnostics.ItemsRejected.WithLabels("stream", "message").Inc();
                    break;
            }
        }
    }

    async Task AcceptAsync(Batch batch, RecordStream records, CancellationToken cancellation)
    {
        if (batch.Lane == Lane.Anomalies && batch.Records.Count == 0 && batch.Anomalies.Count <= WireLimits.AnomaliesPerBatch)
        {
            var seq = await parts.Anomalies.CommitAsync(key, batch, cancellation);
            await _out.Writer.WriteAsync(new FromCollector { Ack = new Ack { Lane = Lane.Anomalies, Seq = seq } }, cancellation);
        }
        else if (batch.Lane == Lane.Records && batch.Anomalies.Count == 0 && batch.Records.Count <= WireLimits.RecordsPerBatch)
        {
            await records.AcceptAsync(batch, cancellation);
        }
        else
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"a batch holds up to {WireLimits.AnomaliesPerBatch} anomalies or up to {WireLimits.RecordsPerBatch} records, of its own lane"));
        }
    }

    /// <summary>What is out of bounds in a heartbeat is left out and counted; the rest of it holds.</summary>
    void Beat(Heartbeat heartbeat)
    {
        Keep(heartbeat.Counters, WireLimits.Counters, "counter", counter =>
            counter.Name.Length <= WireLimits.Name && counter.EventClass.Length <= WireLimits.Name);
        Keep(heartbeat.Containers, WireLimits.Containers, "container", status =>
            status.Container is { } container && AnomalyCheck.Container(container) is null);
        foreach (var status in heartbeat.Containers)
        {
            ItemFit.Fit(status.Container);
            parts.ContainerNames.Learn(key.Node, status.Container);
        }
        live.Beat(heartbeat);
    }

    void Keep<T>(RepeatedField<T> items, int most, string reason, Func<T, bool> good)
    {
        var kept = items.Where(good).Take(most).ToList();
        if (kept.Count < items.Count)
        {
            parts.Diagnostics.ItemsRejected.WithLabels("heartbeat", reason).Inc(items.Count - kept.Count);
            items.Clear();
            items.AddRange(kept);
        }
    }

    /// <param name="writer">Where to.</param>
    /// <param name="abort">Ends the whole call at once, without a status.</param>
    async Task WriteAsync(IServerStreamWriter<FromCollector> writer, CancellationToken abort)
    {
        await foreach (var message in _out.Reader.ReadAllAsync(abort))
        {
            await writer.WriteAsync(message, abort);
        }
    }
}
