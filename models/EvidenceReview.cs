using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// What merged evidence decides of one workload without a person: that a class cannot be learned, that it drifts and what of it
/// most replicas do, which roles there are. For the collector, which alone writes policies, and for a replay in its place; about
/// once an hour of learning time. One for each workload, as it remembers how often the same roles were found; one thread at a time.
/// </summary>
public sealed class EvidenceReview
{
    /// <summary>So often in a row must the same number of roles be found.</summary>
    const int Confirmations = 3;

    /// <summary>A workload watched for less, by its evidence, has no roles yet.</summary>
    const long WatchedBeforeRolesNs = 24 * ContainerUnits.HourNs;

    int _found, _confirmed;
    IReadOnlyList<Role>? _roles; // null: not found often enough

    /// <summary>Reads evidence that has changed.</summary>
    public void Read(Evidence evidence)
    {
        var split = IsWatchedLongEnough(evidence) ? RoleLearner.Learn(evidence.Features) : RoleSplit.None;
        _confirmed = !split.IsStable ? 0 : split.Roles.Count == _found ? _confirmed + 1 : 1;
        _found = split.Roles.Count;
        _roles = _confirmed >= Confirmations ? split.Roles : null;
    }

    /// <summary>
    /// The policy as it should be by evidence that was read, with a higher version; the same object when nothing changed or the
    /// evidence is of another generation. Its arguments are not changed.
    /// </summary>
    public Policy Decide(Policy policy, Evidence evidence, long nowNs)
    {
        if (policy.Generation != evidence.Generation)
            return policy;
        var next = ClassKeeper.Keep(policy, evidence, nowNs).Clone();
        if (_roles is not null)
        {
            var renamed = RoleLearner.Renamed(policy.Roles, _roles).OrderBy(role => role.Name, StringComparer.Ordinal).ToList();
            next.Roles.Clear();
            next.Roles.AddRange(renamed);
        }
        if (next.Equals(policy))
            return policy;
        next.Version++;
        return next;
    }

    /// <summary>What drifting classes take for normal now, marked learned; null when there is nothing.</summary>
    /// <param name="live">The workload's containers running now.</param>
    public static Evidence? Absorb(Evidence evidence, Policy policy, IReadOnlyCollection<LiveReplica> live, long nowNs) =>
        DriftAbsorption.Absorb(evidence, policy, live, [.. RolloutsOf(evidence).Select(version => version.FirstSeenUnixNs)], nowNs);

    static bool IsWatchedLongEnough(Evidence evidence) => evidence.Behaviours.Count > 0
        && evidence.Behaviours.Max(behaviour => behaviour.LastSeenUnixNs) - evidence.Behaviours.Min(behaviour => behaviour.FirstSeenUnixNs)
            >= WatchedBeforeRolesNs;

    /// <summary>The versions that came and were not the first, oldest first, on the models' clock as all evidence.</summary>
    internal static IEnumerable<VersionEvidence> RolloutsOf(Evidence evidence) =>
        evidence.Versions.OrderBy(version => version.FirstSeenUnixNs).ThenBy(version => version.Key).Skip(1);
}
