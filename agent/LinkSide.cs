using Microsoft.Extensions.Logging;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Names;

namespace RuntimeGuard.Agent;

/// <summary>What housekeeping looks at to say how the agent is: everything it reports on but does not own.</summary>
sealed record LinkSide(CollectorLink Link, ContainerResolver Resolver, BaselineStore Store, Spool Spool, int HeartbeatSeconds)
{
    public required Counters Counters { get; init; }

    public required ContainerCounters Containers { get; init; }

    public required NameKeeper Names { get; init; }

    public required ILogger Log { get; init; }

    /// <summary>Told of every slot and class that lost events since the last second.</summary>
    public required Action<uint, string, long> OnLost { get; init; }

    /// <summary>Looks for cgroups and processes never heard of, at a CLOCK_BOOTTIME.</summary>
    public required Action<ulong> Reconcile { get; init; }

    public ulong HeartbeatNs => (ulong)HeartbeatSeconds * 1_000_000_000;
}
