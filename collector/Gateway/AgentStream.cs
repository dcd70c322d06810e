using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>An agent's stream after Welcome: reads lanes, commits, acknowledges. One instance per stream.</summary>
sealed class AgentStream(CollectorParts parts, LiveNode live, LaneKey key)
{
    /// <summary>How long an agent may take to read the last acknowledgements of a stream that ends.</summary>
    static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    const int MessageOverhead = 1024;

    // Waits when full: an agent that does not read its acks is not read either.
    readonly Channel<FromCollector> _out = Channel.CreateBounded<FromCollector>(
        new BoundedChannelOptions(64) { SingleReader = true });

    // Workloads of this node, as far as this stream has named them; at most as many as the registry holds. The reader's.
    readonly HashSet<WorkloadKey> _run = [];

    /// <summary>Models this stream has told of in the log. The sender's.</summary>
    readonly HashSet<WorkloadKey> _unsendable = [];

    readonly ModelWatcher _models = parts.Models.Enter(key.Node);

    /// <summary>Whichever part ends first ends the stream, and its failure is what the agent is told.</summary>
    /// <exception cref="LaneSequenceException">A batch left a hole.</exception>
    public async Task RunAsync(
        IAsyncStreamReader<FromAgent> reader, IServerStreamWriter<FromCollector> writer, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var abort = new CancellationTokenSource(Timeout.InfiniteTimeSpan, parts.Time);
        var records = new RecordStream(parts, key, _out.Writer);
        Task[] sources = [ReadAsync(reader, records, stop.Token), records.RunAsync(stop.Token), SendModelsAsync(stop.Token)];
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
            parts.Models.Leave(_models);
        }
    }

    async Task ReadAsync(IAsyncStreamReader<FromAgent> reader, RecordStream records, CancellationToken cancellation)
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
                    break;
                case FromAgent.MessageOneofCase.Watch:
                    await WatchAsync(message.Watch, cancellation);
                    break;
                case FromAgent.MessageOneofCase.Evidence:
                    await MergeAsync(message.Evidence, cancellation);
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

    /// <summary>Every message of evidence is answered: an agent waits for that before it sends more of the workload.</summary>
    async Task MergeAsync(Evidence evidence, CancellationToken cancellation)
    {
        var ack = new EvidenceAck { Generation = evidence.Generation, Revision = evidence.Revision };
        if (evidence.Workload is not { } workload || !AnomalyCheck.Workload(workload))
        {
            ack.Refused = Refused("refused", $"it names no workload with namespace and image of at most {WireLimits.Name} characters");
        }
        else
        {
            ack.Workload = workload;
            var named = new WorkloadKey(workload.Namespace, workload.Image);
            if (evidence.CalculateSize() > WireLimits.EvidenceBytes)
            {
                ack.Refused = Refused("refused", $"it has {evidence.CalculateSize()} bytes, more than {WireLimits.EvidenceBytes}");
            }
            else if (!Runs(named))
            {
                ack.Refused = Refused("foreign", $"this node has named no container of {named}: watch it, or report its container, first");
            }
            else
            {
                await parts.Registry.EnsureAsync([named], cancellation);
                ack.Refused = await parts.Registry.MergeAsync(key.Node, evidence, cancellation) ?? "";
            }
        }
        await _out.Writer.WriteAsync(new FromCollector { EvidenceAck = ack }, cancellation);
    }

    string Refused(string label, string reason)
    {
        parts.Diagnostics.EvidenceMerged.WithLabels(label).Inc();
        parts.Diagnostics.EvidenceRefused(key.Node, reason);
        return reason;
    }

    /// <summary>The last evidence of a workload may come after its last container is gone: what it ran counts.</summary>
    bool Runs(WorkloadKey workload)
    {
        if (_run.Contains(workload))
        {
            return true;
        }
        if (!parts.ContainerNames.Ran(key.Node, workload))
        {
            return false;
        }
        Remember([workload]);
        return true;
    }

    void Remember(IEnumerable<WorkloadKey> workloads)
    {
        foreach (var workload in workloads)
        {
            if (_run.Count >= WorkloadRegistry.MaxWorkloads)
            {
                return;
            }
            _run.Add(workload);
        }
    }

    async Task WatchAsync(WatchWorkloads watch, CancellationToken cancellation)
    {
        if (watch.Workloads.Count > WireLimits.Watched || !watch.Workloads.All(AnomalyCheck.Workload))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"watch names at most {WireLimits.Watched} workloads, each with namespace and image of at most {WireLimits.Name} characters"));
        }
        var workloads = watch.Workloads.Select(workload => new WorkloadKey(workload.Namespace, workload.Image)).ToHashSet();
        await parts.Registry.EnsureAsync(workloads, cancellation);
        Remember(workloads);
        // Beyond the registry's cap a workload has no model: its agent judges by what it has.
        _models.Watch(workloads.Where(workload => parts.Registry.Find(workload) is not null));
    }

    async Task SendModelsAsync(CancellationToken cancellation)
    {
        while (true)
        {
            foreach (var workload in await _models.TakeAsync(cancellation))
            {
                if (await ModelAsync(workload, cancellation) is { } message)
                {
                    await _out.Writer.WriteAsync(message, cancellation);
                    parts.Diagnostics.ModelsSent.Inc();
                }
            }
        }
    }

    /// <summary>Null when it cannot be sent: the agent judges by what it has, and the stream goes on with the others.</summary>
    async Task<FromCollector?> ModelAsync(WorkloadKey workload, CancellationToken cancellation)
    {
        string reason;
        try
        {
            var message = new FromCollector { Model = await parts.Registry.ModelAsync(workload, cancellation) };
            var bytes = message.CalculateSize();
            if (bytes <= WireLimits.SentBytes - MessageOverhead)
            {
                return message;
            }
            reason = $"it has {bytes} bytes";
        }
        catch (InvalidProtocolBufferException e)
        {
            reason = $"what is stored of it cannot be read: {e.Message}";
        }
        parts.Diagnostics.ModelsUnsendable.Inc();
        if (_unsendable.Add(workload))
        {
            parts.Diagnostics.ModelUnsendable(workload.ToString(), key.Node, reason);
        }
        return null;
    }

    void Beat(Heartbeat heartbeat)
    {
        if (heartbeat.Counters.Count > WireLimits.Counters || heartbeat.Containers.Count > WireLimits.Containers ||
            !heartbeat.Counters.All(counter =>
                counter.Name.Length <= WireLimits.Name && counter.EventClass.Length <= WireLimits.Name) ||
            !heartbeat.Containers.All(status =>
                status.Container is not null && AnomalyCheck.Container(status.Container) is null))
        {
            parts.Diagnostics.ItemsRejected.WithLabels("heartbeat", "bounds").Inc();
            return;
        }
        live.Beat(heartbeat);
        foreach (var status in heartbeat.Containers)
        {
            parts.ContainerNames.Learn(key.Node, status.Container);
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
