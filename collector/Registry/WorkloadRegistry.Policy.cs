using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Changes of policy, by people and by time.</summary>
sealed partial class WorkloadRegistry
{
    /// <summary>Changes the policy of a workload and tells its agents at once; null when it is not known (any more).</summary>
    public async Task<WorkloadEntry?> ChangePolicyAsync(
        WorkloadKey workload, Func<Policy, long, Policy> change, CancellationToken cancellation)
    {
        await ChangeAsync(async context => Find(workload) is { } entry
            ? [await SetPolicyAsync(context, entry, change, cancellation)]
            : [], cancellation);
        feed.Changed(workload, TimeSpan.Zero, exceptNode: "");
        return Find(workload);
    }

    /// <summary>Locks every workload whose learning time is over.</summary>
    public async Task LockDueAsync(CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var due = _entries.Values.Where(entry => IsDue(entry.Policy, now)).Select(entry => entry.Workload).ToList();
        foreach (var workload in due)
        {
            // Looked at again under the change: a person may have prolonged it meanwhile.
            await ChangePolicyAsync(workload, (policy, at) => IsDue(policy, at)
                ? PolicyChange.LockByTime(policy, at, new By(AuditTrail.Collector, "the learning time is over"))
                : policy, cancellation);
        }
    }

    static bool IsDue(Policy policy, long nowUnixNs) =>
        policy.Mode == LearningMode.Learning && policy.LearningUntilUnixNs != 0 && policy.LearningUntilUnixNs <= nowUnixNs;

    async Task<WorkloadEntry> SetPolicyAsync(
        StateContext context, WorkloadEntry entry, Func<Policy, long, Policy> change, CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var workload = entry.Workload;
        var next = change(entry.Policy, now);
        if (ReferenceEquals(next, entry.Policy))
        {
            return entry;
        }
        var row = await context.Workloads.FirstAsync(
            row => row.Namespace == workload.Namespace && row.Image == workload.Image, cancellation);
        row.Policy = next.ToByteArray();
        if (next.Generation != entry.Policy.Generation)
        {
            row.Evidence = [];
            _shares.Forget(workload);
        }
        context.Audit.Add(AuditTrail.Row(now, next.ChangedBy, "policy", workload.ToString(),
            $"{Words(next)}{(next.Reason.Length > 0 ? $": {next.Reason}" : "")}"));
        row.ChangedByPerson |= next.ChangedBy != AuditTrail.Collector;
        return entry with { Policy = next, ChangedByPerson = row.ChangedByPerson };
    }

    static string Words(Policy policy) => policy.Mode switch
    {
        LearningMode.LockedByTime => "locked by time",
        LearningMode.LockedByHand => "locked by hand",
        _ when policy.LearningUntilUnixNs == 0 => $"learning until locked, generation {policy.Generation}",
        _ => $"learning until {UnixTime.FromUnixNs(policy.LearningUntilUnixNs):u}, generation {policy.Generation}",
    };
}
