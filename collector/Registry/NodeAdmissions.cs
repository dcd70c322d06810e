using RuntimeGuard.Models;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// How many workloads each node was the first to name within the hour: a node that invents names fills the registry
/// slowly, and is seen doing it. Its callers take turns.
/// </summary>
sealed class NodeAdmissions(TimeProvider time)
{
    /// <summary>A node of 110 pods, Kubernetes' default, brings all it runs at once; what is beyond waits an hour.</summary>
    public const int WorkloadsPerHour = 250;

    static readonly TimeSpan Window = TimeSpan.FromHours(1);
    /// <summary>Nodes. Beyond it all are forgotten: their hours begin anew.</summary>
    const int Capacity = 65_536;

    readonly Dictionary<string, (long BeganUnixNs, int Taken)> _nodes = new(StringComparer.Ordinal);

    /// <summary>Those of the workloads that may come in now.</summary>
    public IReadOnlyList<WorkloadKey> Take(string node, IReadOnlyList<WorkloadKey> workloads, out int refused)
    {
        var now = time.UnixNs();
        if (!_nodes.TryGetValue(node, out var hour) || now - hour.BeganUnixNs >= Window.ToNs())
        {
            hour = (now, 0);
        }
        var taken = workloads.Take(WorkloadsPerHour - hour.Taken).ToList();
        refused = workloads.Count - taken.Count;
        if (taken.Count > 0)
        {
            if (_nodes.Count >= Capacity)
            {
                _nodes.Clear();
            }
            _nodes[node] = (hour.BeganUnixNs, hour.Taken + taken.Count);
        }
        return taken;
    }
}
