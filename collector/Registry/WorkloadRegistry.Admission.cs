using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Which workloads the registry holds: new ones come in, the longest unseen make room.</summary>
sealed partial class WorkloadRegistry
{
    /// <summary>A workload seen within it is never evicted.</summary>
    public static readonly TimeSpan UnseenBeforeEviction = TimeSpan.FromDays(7);

    /// <summary>
    /// Nothing is evicted earlier after the start: what runs was not seen while the collector was away, and its agents
    /// need a while to say so.
    /// </summary>
    static readonly TimeSpan EvictionGrace = TimeSpan.FromHours(1);

    readonly NodeAdmissions _admissions = new(time);
    readonly long _startedUnixNs = time.UnixNs();

    /// <summary>
    /// Takes in workloads an agent runs; those never seen begin to learn. What is beyond the node's hourly number, or
    /// finds the registry full of what may not be evicted, is left out and counted.
    /// </summary>
    public async Task EnsureAsync(string node, IReadOnlyCollection<WorkloadKey> workloads, CancellationToken cancellation)
    {
        if (workloads.All(_entries.ContainsKey))
        {
            return;
        }
        await InTurnAsync(async () =>
        {
            var fresh = _admissions.Take(node, [.. workloads.Where(workload => !_entries.ContainsKey(workload))], out var refused);
            diagnostics.WorkloadsRefused.WithLabels("rate").Inc(refused);
            var evicted = Evictable(_entries.Count + fresh.Count - MaxWorkloads);
            var room = MaxWorkloads - _entries.Count + evicted.Count;
            diagnostics.WorkloadsRefused.WithLabels("full").Inc(Math.Max(0, fresh.Count - room));
            var said = new Dictionary<string, List<Override>>(StringComparer.Ordinal);
            foreach (var ns in fresh.Take(room).Select(workload => workload.Namespace).Distinct())
            {
                said[ns] = await OverridesOfAsync(ns, cancellation);
            }
            var added = await state.WriteAsync(async context =>
            {
                foreach (var entry in evicted)
                {
                    await EvictAsync(context, entry, cancellation);
                }
                return fresh.Take(room).Select(workload => Add(context, workload, said[workload.Namespace])).ToList();
            }, cancellation);
            foreach (var entry in evicted)
            {
                _entries.TryRemove(entry.Workload, out _);
                _shares.Forget(entry.Workload);
                _unread.TryRemove(entry.Workload, out _);
                _unreadable.TryRemove(entry.Workload, out _);
            }
            foreach (var entry in added)
            {
                _entries[entry.Workload] = entry;
            }
            diagnostics.WorkloadsEvicted.Inc(evicted.Count);
            diagnostics.Workloads.Set(_entries.Count);
            return true;
        }, cancellation);
    }

    /// <summary>At most so many workloads that no person decided about and nobody has run for long, the longest unseen first.</summary>
    List<WorkloadEntry> Evictable(int wanted)
    {
        var now = time.UnixNs();
        if (wanted <= 0 || now - _startedUnixNs < EvictionGrace.ToNs())
        {
            return [];
        }
        return [.. _entries.Values
            .Where(entry => !entry.ChangedByPerson && now - entry.LastSeenUnixNs >= UnseenBeforeEviction.ToNs())
            .Where(entry => !feed.Watchers.Any(watcher => watcher.Watches(entry.Workload)))
            .OrderBy(entry => entry.LastSeenUnixNs).Take(wanted)];
    }

    async Task EvictAsync(StateContext context, WorkloadEntry entry, CancellationToken cancellation)
    {
        var (ns, image) = (entry.Workload.Namespace, entry.Workload.Image);
        await context.Workloads.Where(row => row.Namespace == ns && row.Image == image).ExecuteDeleteAsync(cancellation);
        context.Audit.Add(AuditTrail.Row(time.UnixNs(), AuditTrail.Collector, "evict", entry.Workload.ToString(),
            $"the registry is full; not seen since {UnixTime.FromUnixNs(entry.LastSeenUnixNs):u}, never changed by a person"));
    }

    WorkloadEntry Add(StateContext context, WorkloadKey workload, List<Override> said)
    {
        var now = time.UnixNs();
        var learning = options.LearningOnWallClock;
        var policy = PolicyChange.New(now, learning, AuditTrail.Collector);
        policy.Overrides.AddRange(said);
        var entry = new WorkloadEntry(workload, policy, false, now, now, []);
        context.Workloads.Add(new WorkloadRow
        {
            Namespace = workload.Namespace,
            Image = workload.Image,
            Policy = entry.Policy.ToByteArray(),
            FirstSeenUnixNs = now,
            LastSeenUnixNs = now,
        });
        context.Audit.Add(AuditTrail.Row(now, AuditTrail.Collector, "policy", workload.ToString(), $"new workload learns {(learning is null ? "until its evidence suffices" : $"for {learning}")}" +
            string.Concat(said.Select(one => $"; nothing -> {PolicyWords.Of(one)}"))));
        return entry;
    }
}
