using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// What merged evidence decides without a person: that a class cannot be learned, that it drifts and what of it most replicas
/// do, which roles there are. Looks at each workload whose evidence changed, once an hour of learning time. Its caller takes turns.
/// </summary>
sealed class EvidenceDesk(
    WorkloadRegistry registry, NodeDirectory nodes, CollectorOptions options, CollectorDiagnostics diagnostics, TimeProvider time)
{
    /// <summary>At each step, as each reads and parses megabytes: with steps of a second the whole registry in 18 minutes.</summary>
    const int MostPerStep = 4;

    /// <summary>So often in a row must the same number of roles be found.</summary>
    const int Confirmations = 3;

    /// <summary>A workload watched for less, by its evidence, has no roles yet.</summary>
    static readonly TimeSpan WatchedBeforeRoles = TimeSpan.FromHours(24);

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
        var roles = RolesOf(model.Evidence, look);
        Policy Decide(Policy policy, long now) => policy.Generation != model.Evidence.Generation
            ? policy
            : PolicyChange.WithFindings(policy, ClassKeeper.Keep(policy, model.Evidence, now), roles);
        // Asked twice, for a change tells every agent: first of what was read, then of what the policy is in its turn.
        var decided = Decide(model.Policy, time.UnixNs());
        if (!ReferenceEquals(decided, model.Policy))
        {
            await registry.ChangePolicyAsync(workload, WorkloadRegistry.ByEvidence, Decide, cancellation);
        }
        if (DriftAbsorption.Absorb(model.Evidence, decided, nodes.Running(workload).Count(), RolloutsOf(model.Evidence), time.UnixNs()) is { } absorbed)
        {
            await registry.AbsorbAsync(workload, absorbed, cancellation);
            diagnostics.BehavioursAbsorbed.Inc(absorbed.Behaviours.Count);
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

    /// <summary>The roles once they were found often enough, no matter how many; null before.</summary>
    static IReadOnlyList<Role>? RolesOf(Evidence evidence, Look look)
    {
        var split = IsWatchedLongEnough(evidence) ? RoleLearner.Learn(evidence.Features) : RoleSplit.None;
        look.Confirmed = !split.IsStable ? 0 : split.Roles.Count == look.Roles ? look.Confirmed + 1 : 1;
        look.Roles = split.Roles.Count;
        return look.Confirmed >= Confirmations ? split.Roles : null;
    }

    static bool IsWatchedLongEnough(Evidence evidence) => evidence.Behaviours.Count > 0
        && evidence.Behaviours.Max(behaviour => behaviour.LastSeenUnixNs) - evidence.Behaviours.Min(behaviour => behaviour.FirstSeenUnixNs)
            >= WatchedBeforeRoles.ToNs();

    /// <summary>When a version came that was not the first, on the models' clock as all evidence.</summary>
    static List<long> RolloutsOf(Evidence evidence) =>
        [.. evidence.Versions.Select(version => version.FirstSeenUnixNs).Order().Skip(1)];

    /// <summary>What the last look at a workload found. A collector that starts again looks three times anew.</summary>
    sealed class Look
    {
        public long AtUnixNs { get; set; }

        public int Roles { get; set; }

        public int Confirmed { get; set; }
    }
}
