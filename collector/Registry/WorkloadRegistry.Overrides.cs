using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>What people said of behaviours: set, retracted, expired. Those of a namespace are rows of their own and copies in each policy.</summary>
sealed partial class WorkloadRegistry
{
    /// <summary>
    /// Puts a checked override into the policy of the workload, or of every workload of its namespace and of those to come,
    /// and tells the agents at once. All policies change, or none.
    /// </summary>
    /// <param name="mayReplace">Null when the caller may replace that one, else why not.</param>
    /// <param name="also">Done in the same transaction, with the ids of those whose place it took.</param>
    /// <returns>How many policies hold it.</returns>
    /// <exception cref="PolicyRefusal">A policy cannot take it; the message names the workload.</exception>
    public async Task<int> SetOverrideAsync(WorkloadKey workload, Override one, By by, Func<Override, string?> mayReplace,
        Func<StateContext, IReadOnlyCollection<string>, Task> also, CancellationToken cancellation)
    {
        var changed = await ChangeAllAsync(workload, one.WholeNamespace, async (context, entries) =>
        {
            if (one.WholeNamespace)
            {
                await AddRowAsync(context, workload.Namespace, one, entries, mayReplace, cancellation);
            }
            var next = new List<WorkloadEntry>();
            foreach (var entry in entries)
            {
                next.Add(await SetPolicyAsync(context, entry, new PolicyStep("override", by, one.WholeNamespace),
                    (policy, now) => OverridePlan.Add(policy, entry.Workload, one, now, mayReplace), cancellation));
            }
            await also(context, [.. Ids(entries).Except(Ids(next))]);
            return next;
        }, cancellation);
        return changed;
    }

    /// <summary>Takes an override out of every policy that holds it. What it silenced alerts again, what it opened is judged again.</summary>
    /// <param name="also">Done in the same transaction.</param>
    /// <returns>How many policies held it.</returns>
    public async Task<int> RemoveOverrideAsync(WorkloadKey workload, Override one, By by,
        Func<StateContext, Task> also, CancellationToken cancellation) =>
        await ChangeAllAsync(workload, one.WholeNamespace, async (context, entries) =>
        {
            await context.NamespaceOverrides.Where(row => row.Id == one.Id).ExecuteDeleteAsync(cancellation);
            await also(context);
            var next = new List<WorkloadEntry>();
            foreach (var entry in entries.Where(entry => entry.Policy.Overrides.Any(held => held.Id == one.Id)))
            {
                next.Add(await SetPolicyAsync(context, entry, new PolicyStep("override", by, one.WholeNamespace),
                    (policy, _) => OverridePlan.Remove(policy, one.Id), cancellation));
            }
            return next;
        }, cancellation);

    /// <summary>Takes out what has expired. It means nothing any more already: this is for the eye and for room.</summary>
    public async Task SweepOverridesAsync(CancellationToken cancellation)
    {
        var now = time.UnixNs();
        // Asked every second: a walk, where Values would lock and copy.
        if (!_entries.Any(entry => entry.Value.Policy.Overrides is { Count: > 0 } said && said.Any(one => OverridePlan.IsOver(one, now))))
        {
            return;
        }
        var by = new By(AuditTrail.Collector, "expired");
        var told = new List<WorkloadKey>();
        await ChangeAsync(async context =>
        {
            await context.NamespaceOverrides.Where(row => row.ExpiresUnixNs > 0 && row.ExpiresUnixNs <= now).ExecuteDeleteAsync(cancellation);
            var next = new List<WorkloadEntry>();
            foreach (var entry in _entries.Values)
            {
                var swept = await SetPolicyAsync(context, entry, new PolicyStep("override", by),
                    (policy, _) => OverridePlan.Sweep(policy, now), cancellation);
                if (!ReferenceEquals(swept, entry))
                {
                    next.Add(swept);
                }
            }
            told.AddRange(next.Select(entry => entry.Workload));
            return next;
        }, cancellation);
        told.ForEach(workload => feed.Changed(workload, TimeSpan.Zero, exceptNode: ""));
    }

    /// <summary>What was said for the whole namespace, for a workload that is new in it.</summary>
    async Task<List<Override>> OverridesOfAsync(string ns, CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var rows = await state.ReadAsync(context => context.NamespaceOverrides
            .Where(row => row.Namespace == ns && (row.ExpiresUnixNs == 0 || row.ExpiresUnixNs > now))
            .Select(row => row.Data).ToListAsync(cancellation), cancellation);
        return [.. rows.Select(Override.Parser.ParseFrom)];
    }

    async Task AddRowAsync(StateContext context, string ns, Override one, List<WorkloadEntry> entries,
        Func<Override, string?> mayReplace, CancellationToken cancellation)
    {
        var rows = await context.NamespaceOverrides.Where(row => row.Namespace == ns).ToListAsync(cancellation);
        // What its copy replaces in the policies, its row replaces here.
        var probe = OverridePlan.Add(new Policy { Overrides = { rows.Select(row => Override.Parser.ParseFrom(row.Data)) } },
            new WorkloadKey(ns, "*"), one, time.UnixNs(), mayReplace);
        var kept = probe.Overrides.Select(held => held.Id).ToHashSet(StringComparer.Ordinal);
        if (kept.Count > OverridePlan.MostOfNamespace)
        {
            throw new PolicyRefusal($"the namespace {ns} has {kept.Count - 1} overrides, and {OverridePlan.MostOfNamespace} are its most: " +
                $"retract some (rgctl baseline overrides {entries[0].Workload} lists them)");
        }
        context.NamespaceOverrides.RemoveRange(rows.Where(row => !kept.Contains(row.Id)));
        context.NamespaceOverrides.Add(new NamespaceOverrideRow
        {
            Id = one.Id,
            Namespace = ns,
            ExpiresUnixNs = one.ExpiresUnixNs,
            Data = one.ToByteArray(),
        });
    }

    static HashSet<string> Ids(IEnumerable<WorkloadEntry> entries) =>
        [.. entries.SelectMany(entry => entry.Policy.Overrides).Select(one => one.Id)];

    async Task<int> ChangeAllAsync(WorkloadKey workload, bool wholeNamespace,
        Func<StateContext, List<WorkloadEntry>, Task<List<WorkloadEntry>>> change, CancellationToken cancellation)
    {
        var changed = new List<WorkloadKey>();
        await ChangeAsync(async context =>
        {
            var entries = _entries.Values
                .Where(entry => wholeNamespace ? entry.Workload.Namespace == workload.Namespace : entry.Workload == workload)
                .OrderBy(entry => entry.Workload.Image, StringComparer.Ordinal).ToList();
            if (entries.Count == 0)
            {
                throw new PolicyRefusal($"{workload} is not known any more");
            }
            var next = await change(context, entries);
            changed.AddRange(next.Select(entry => entry.Workload));
            return next;
        }, cancellation);
        changed.ForEach(key => feed.Changed(key, TimeSpan.Zero, exceptNode: ""));
        return changed.Count;
    }
}
