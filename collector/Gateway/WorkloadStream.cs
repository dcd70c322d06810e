using System.Threading.Channels;
using Google.Protobuf;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>
/// The workloads of one stream: which its node watches, what evidence it sends of them, which models it gets. All but
/// <see cref="RunAsync"/> belongs to the stream's reader.
/// </summary>
sealed class WorkloadStream(CollectorParts parts, LaneKey key, ChannelWriter<FromCollector> answers) : IDisposable
{
    static readonly TimeSpan TryAgain = TimeSpan.FromMinutes(1);
    const int MaxTold = 64;
    const int MessageOverhead = 1024;

    /// <summary>Workloads of this node, as far as this stream has named them; at most as many as the registry holds.</summary>
    readonly HashSet<WorkloadKey> _run = [];
    readonly HashSet<string> _told = [];
    /// <summary>Models this stream has told of in the log. The sender's.</summary>
    readonly HashSet<WorkloadKey> _unsendable = [];
    readonly ModelWatcher _models = parts.Models.Enter(key.Node);
    HashSet<WorkloadKey> _watched = [];
    bool _waiting;
    long _triedUnixNs;

    public void Dispose() => parts.Models.Leave(_models);

    /// <summary>Every message of evidence is answered: an agent waits for that before it sends more of the workload.</summary>
    public async Task MergeAsync(Evidence evidence, CancellationToken cancellation)
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
                await parts.Registry.EnsureAsync(key.Node, [named], cancellation);
                ack.Refused = await parts.Registry.MergeAsync(key.Node, evidence, cancellation) is { } reason ? Told(reason) : "";
            }
        }
        await answers.WriteAsync(new FromCollector { EvidenceAck = ack }, cancellation);
    }

    string Refused(string label, string reason)
    {
        parts.Diagnostics.EvidenceMerged.WithLabels(label).Inc();
        return Told(reason);
    }

    /// <summary>Each reason once in the log, however often its node comes with it.</summary>
    string Told(string reason)
    {
        if (_told.Count < MaxTold && _told.Add(reason))
        {
            parts.Diagnostics.EvidenceRefused(key.Node, reason);
        }
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

    /// <summary>The first so many that are workloads; the others are counted and the stream goes on.</summary>
    public async Task WatchAsync(WatchWorkloads watch, CancellationToken cancellation)
    {
        var good = watch.Workloads.Where(AnomalyCheck.Workload).ToList();
        var rejected = parts.Diagnostics.ItemsRejected;
        rejected.WithLabels("watch", "workload").Inc(watch.Workloads.Count - good.Count);
        rejected.WithLabels("watch", "surplus").Inc(Math.Max(0, good.Count - WireLimits.Watched));
        _watched = [.. good.Take(WireLimits.Watched).Select(workload => new WorkloadKey(workload.Namespace, workload.Image))];
        Remember(_watched);
        await EnsureWatchedAsync(cancellation);
    }

    /// <summary>Workloads the registry had no room for get their model when there is: asked again every minute.</summary>
    public async Task TryWaitingAsync(CancellationToken cancellation)
    {
        if (_waiting && parts.Time.UnixNs() - _triedUnixNs >= TryAgain.ToNs())
        {
            await EnsureWatchedAsync(cancellation);
        }
    }

    async Task EnsureWatchedAsync(CancellationToken cancellation)
    {
        _triedUnixNs = parts.Time.UnixNs();
        await parts.Registry.EnsureAsync(key.Node, _watched, cancellation);
        var known = _watched.Where(workload => parts.Registry.Find(workload) is not null).ToList();
        // Without a model its agent judges by what it has.
        _waiting = known.Count < _watched.Count;
        _models.Watch(known);
    }

    /// <summary>Sends models as they change.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            foreach (var workload in await _models.TakeAsync(cancellation))
            {
                if (await ModelAsync(workload, cancellation) is { } message)
                {
                    await answers.WriteAsync(message, cancellation);
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
            if (await parts.Registry.ModelAsync(workload, cancellation) is not { } model)
            {
                return null;
            }
            var message = new FromCollector { Model = model };
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
}
