using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// How many behaviours of each workload a node was the first to name, counted since the collector's start. Its callers
/// take turns.
/// </summary>
sealed class NodeShares
{
    /// <summary>
    /// What one node may add to one workload: three quarters of what a Baseline holds. A quarter stays for all others
    /// whatever one node invents; a workload of a few hundred behaviours that runs on one node alone never meets it.
    /// </summary>
    public const int BehavioursPerNode = Baseline.BehaviourLimit / 4 * 3;

    /// <summary>Pairs of node and workload. Beyond it all are forgotten: shares begin anew, nothing else is lost.</summary>
    const int Capacity = 65_536;

    readonly Dictionary<(string Node, WorkloadKey Workload), int> _added = [];

    /// <summary>Removes what exceeds the node's share from the evidence and returns how many behaviours that were.</summary>
    public int Cut(string node, WorkloadKey workload, Evidence known, Evidence evidence)
    {
        var keys = known.Behaviours.Select(behaviour => behaviour.Key).ToHashSet();
        var added = evidence.Behaviours.Where(behaviour => !keys.Contains(behaviour.Key)).ToList();
        var before = _added.GetValueOrDefault((node, workload));
        var room = Math.Max(0, BehavioursPerNode - before);
        foreach (var surplus in added.Skip(room))
        {
            evidence.Behaviours.Remove(surplus);
        }
        var taken = Math.Min(room, added.Count);
        if (taken > 0)
        {
            if (_added.Count >= Capacity)
            {
                _added.Clear();
            }
            _added[(node, workload)] = before + taken;
        }
        return added.Count - taken;
    }

    /// <summary>A reset empties the workload: every node may add again.</summary>
    public void Forget(WorkloadKey workload)
    {
        foreach (var key in _added.Keys.Where(key => key.Workload == workload).ToList())
        {
            _added.Remove(key);
        }
    }
}
