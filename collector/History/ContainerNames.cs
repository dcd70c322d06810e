using System.Collections.Concurrent;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>
/// What is known of containers by node and id, so that every row carries image, namespace, pod and name. Bounded: the
/// longest unused make way, a tenth at a time. Thread-safe.
/// </summary>
sealed class ContainerNames(CollectorDiagnostics diagnostics)
{
    /// <summary>About 1 kB each.</summary>
    const int Capacity = 50_000;

    readonly ConcurrentDictionary<(string Node, string Id), Known> _known = [];
    long _clock;

    /// <summary>Takes what the history of the last days knows: agents name a container once, not at every restart of ours.</summary>
    public async Task LoadAsync(IHistoryStore history, TimeProvider time, CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var page = await history.QueryAsync(new HistoryFilter
        {
            FromUnixNs = now - 7 * UnixTime.NsPerDay,
            ToUnixNs = now + UnixTime.NsPerDay,
            Kinds = [HistoryKind.Container],
            Limit = Capacity / 2,
        }, cancellation);
        foreach (var row in page.Rows.Reverse())
        {
            Learn(row.Node, Container.Parser.ParseJson(row.Detail));
        }
    }

    public void Learn(string node, Container container)
    {
        _known[(node, container.Id)] = new Known(container) { Used = Interlocked.Increment(ref _clock) };
        if (_known.Count > Capacity)
        {
            foreach (var (key, _) in _known.OrderBy(pair => pair.Value.Used).Take(Capacity / 10))
            {
                _known.TryRemove(key, out _);
                diagnostics.ContainerNamesEvicted.Inc();
            }
        }
    }

    /// <summary>The container, with its id alone when nothing else is known.</summary>
    public Container Of(string node, string id)
    {
        if (_known.TryGetValue((node, id), out var known))
        {
            known.Used = Interlocked.Increment(ref _clock);
            return known.Container;
        }
        diagnostics.RecordsWithoutContainer.Inc();
        return new Container { Id = id };
    }

    /// <summary>Whether a container of the workload is known from the node. Looks at all: not for every message.</summary>
    public bool Ran(string node, WorkloadKey workload) => _known.Any(pair => pair.Key.Node == node &&
        pair.Value.Container.Workload is { } of && of.Namespace == workload.Namespace && of.Image == workload.Image);

    sealed class Known(Container container)
    {
        public Container Container => container;
        public long Used { get; set; }
    }
}
