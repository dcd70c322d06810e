using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// Reviews each workload whose evidence changed, once an hour of learning time, and obeys what the evidence decides without a
/// person. Its caller takes turns.
/// </summary>
sealed class EvidenceDesk(
    WorkloadRegistry registry, NodeDirectory nodes, DriftAlerts drifts, CollectorOptions options, TimeProvider time)
{
    /// <summary>At each step, as each reads and parses megabytes: with steps of a second the whole registry in 18 minutes.</summary>
    const int MostPerStep = 4;

    readonly TimeSpan _every = options.OnWallClock(TimeSpan.FromHours(1));

    /// <summary>One per workload of the registry; those of workloads that left it are dropped when there are more.</summary>
    readonly Dictionary<WorkloadKey, Look> _looks = [];

    /// <summary>Looks at workloads that are due, the longest not looked at first.</summary>
    public async Task StepAsync(CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var due = registry.Unread
            .Where(workload => !_looks.TryGetValue(workload, out var look) || now - look.AtUnixNs >= _every.ToNs())
            .OrderBy(workload => _looks.GetValueOrDefault(workload)?.AtUnixNs ?? 0).Take(MostPerStep).ToList();
        foreach (var workload in due)
        {
            if (!_looks.TryGetValue(workload, out var look))
            {
                MakeRoom();
                _looks.Add(workload, look = new Look());
            }
            look.AtUnixNs = now;
            registry.Read(workload);
            await LookAsync(workload, look, cancellation);
        }
    }

    async Task LookAsync(WorkloadKey workload, Look look, CancellationToken cancellation)
    {
        if (await registry.ModelAsync(workload, cancellation) is not { } model)
        {
            return;
        }
        look.Review.Read(model.Evidence);
        Policy Decide(Policy policy, long now) => look.Review.Decide(policy, model.Evidence, now);
        // Asked twice, for a change tells every agent: first of what was read, then of what the policy is in its turn.
        var decided = Decide(model.Policy, time.UnixNs());
        if (!ReferenceEquals(decided, model.Policy))
        {
            await registry.ChangePolicyAsync(workload, WorkloadRegistry.ByEvidence, Decide, cancellation);
        }
        await drifts.FollowAsync(workload, registry.Find(workload)?.Policy ?? decided, model.Evidence, cancellation);
        var suspicions = await drifts.SuspicionsAsync(workload, cancellation);
        var live = nodes.Running(workload).Select(running => new LiveReplica(running.Container.Id, [.. suspicions[running.Container.Id]])).ToList();
        if (EvidenceReview.Absorb(model.Evidence, decided, live, time.UnixNs()) is { } absorbed)
        {
            await registry.AbsorbAsync(workload, absorbed, context => DriftAlerts.ResolveAsync(context, workload, absorbed, cancellation), cancellation);
            drifts.Told();
        }
    }

    void MakeRoom()
    {
        if (_looks.Count < WorkloadRegistry.MaxWorkloads)
        {
            return;
        }
        foreach (var gone in _looks.Keys.Where(workload => registry.Find(workload) is null).ToList())
        {
            _looks.Remove(gone);
        }
    }

    /// <summary>The review of a workload, and when. A collector that starts again finds roles anew.</summary>
    sealed class Look
    {
        public long AtUnixNs { get; set; }

        public EvidenceReview Review { get; } = new();
    }
}
