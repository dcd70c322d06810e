using System.Collections.Immutable;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>What the registry keeps in memory of one workload. Immutable: a change is a new entry; evidence stays on disk.</summary>
/// <param name="Workload">Its key.</param>
/// <param name="Policy">Never changed in place.</param>
/// <param name="ChangedByPerson">A person has changed the policy at least once: it is never evicted.</param>
/// <param name="FirstSeenUnixNs">When an agent first named it.</param>
/// <param name="LastSeenUnixNs">When an agent last ran it, to the precision of the last save.</param>
/// <param name="Versions">"tag@digest", oldest first.</param>
sealed record WorkloadEntry(
    WorkloadKey Workload, Policy Policy, bool ChangedByPerson, long FirstSeenUnixNs, long LastSeenUnixNs, ImmutableList<string> Versions)
{
    public Workload Message => new() { Namespace = Workload.Namespace, Image = Workload.Image };
}
