using Google.Protobuf;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using Microsoft.EntityFrameworkCore;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Changes of policy, by people and by time.</summary>
sealed partial class WorkloadRegistry
{
    public static readonly By ByEvidence = new(AuditTrail.Collector, "so says the evidence of all nodes");

    /// <summary>Changes the policy of a workload and tells its agents at once; null when it is not known (any more).</summary>
    /// <exception cref="PolicyRefusal">The change does not fit what the policy is; nothing was changed.</exception>
    public async Task<WorkloadEntry?> ChangePolicyAsync(
        WorkloadKey workload, By by, Func<Policy, long, Policy> change, CancellationToken cancellation)
    {
        await ChangeAsync(async context => Find(workload) is { } entry
            ? [await SetPolicyAsync(context, entry, new PolicyStep("policy", by), change, cancellation)]
            : [], cancellation);
        if (by != ByEvidence)
        {
            _unread[workload] = true; // what is told of its classes may be over, and nothing may come from it any more
        }
        feed.Changed(workload, TimeSpan.Zero, exceptNode: "");
        return Find(workload);
    }

    /// <summary>Locks every workload whose learning time is over.</summary>
    public async Task LockDueAsync(CancellationToken cancellation)
    {
        var now = time.UnixNs();
        // Asked every second: a walk, where Values would lock and copy.
        var due = _entries.Where(entry => IsDue(entry.Value.Policy, now)).Select(entry => entry.Key).ToList();
        var by = new By(AuditTrail.Collector, "the learning time is over");
        foreach (var workload in due)
        {
            // Looked at again under the change: a person may have prolonged it meanwhile.
            await ChangePolicyAsync(workload, by,
                (policy, at) => IsDue(policy, at) ? PolicyChange.LockByTime(policy, at, by) : policy, cancellation);
        }
    }

    static bool IsDue(Policy policy, long nowUnixNs) =>
        policy.Mode == LearningMode.Learning && policy.LearningUntilUnixNs != 0 && policy.LearningUntilUnixNs <= nowUnixNs;

    /// <summary>One policy and its line of the audit trail, in the caller's transaction.</summary>
    async Task<WorkloadEntry> SetPolicyAsync(StateContext context, WorkloadEntry entry, PolicyStep step,
        Func<Policy, long, Policy> change, CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var workload = entry.Workload;
        var next = change(entry.Policy, now);
        if (ReferenceEquals(next, entry.Policy))
        {
            return entry;
        }
        var isPersons = entry.ChangedByPerson || (step.By.User != AuditTrail.Collector && !step.OfNamespace);
        var policy = next.ToByteArray();
        var row = context.Workloads.Where(row => row.Namespace == workload.Namespace && row.Image == workload.Image);
        await row.ExecuteUpdateAsync(set => set
            .SetProperty(changed => changed.Policy, policy)
            .SetProperty(changed => changed.ChangedByPerson, isPersons), cancellation);
        if (next.Generation != entry.Policy.Generation)
        {
            await row.ExecuteUpdateAsync(set => set.SetProperty(changed => changed.Evidence, Array.Empty<byte>()), cancellation);
            _shares.Forget(workload);
        }
        // Bounds are noted as units double: of no use to a reader, unless something follows from them.
        if (step.By != ByEvidence || PolicyWords.Differ(entry.Policy, next))
        {
            context.Audit.Add(AuditTrail.Row(now, step.By.User, step.Action, workload.ToString(),
                PolicyWords.Change(entry.Policy, next, step.By.Reason)));
        }
        return entry with { Policy = next, ChangedByPerson = isPersons };
    }

    /// <summary>What the audit trail calls a change, and whose it is.</summary>
    /// <param name="OfNamespace">Said of a whole namespace: it has a row of its own, and makes no workload worth keeping.</param>
    readonly record struct PolicyStep(string Action, By By, bool OfNamespace = false);
}
