using System.Collections.Concurrent;
using RuntimeGuard.Models;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Tells connected agents which models changed; each pulls them when it is ready. Thread-safe.</summary>
sealed class ModelFeed(TimeProvider time)
{
    readonly ConcurrentDictionary<ModelWatcher, bool> _watchers = [];

    public IEnumerable<ModelWatcher> Watchers => _watchers.Keys;

    public ModelWatcher Enter(string node)
    {
        var watcher = new ModelWatcher(node, time);
        _watchers.TryAdd(watcher, true);
        return watcher;
    }

    public void Leave(ModelWatcher watcher) => _watchers.TryRemove(watcher, out _);

    /// <summary>Hints every watcher of the workload but the node that the change came from.</summary>
    public void Changed(WorkloadKey workload, TimeSpan delay, string exceptNode)
    {
        foreach (var watcher in _watchers.Keys)
        {
            if (watcher.Node != exceptNode)
            {
                watcher.Changed(workload, delay);
            }
        }
    }
}
