using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>What people see of a workload: policy, evidence in numbers, where it runs, open alerts. Thread-safe.</summary>
sealed class WorkloadView(WorkloadRegistry registry, NodeDirectory nodes, StateStore state, TimeProvider time)
{
    /// <summary>One after another, as they are taken: each reads the evidence of its workload.</summary>
    public async IAsyncEnumerable<WorkloadSummary> SummariesAsync(
        IReadOnlyCollection<WorkloadEntry> entries, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var open = await state.ReadAsync(context => context.Alerts.Where(row => row.State == (int)AlertState.Open && row.FoldedInto == "")
            .GroupBy(row => new { row.Namespace, row.Image })
            .Select(group => new { group.Key.Namespace, group.Key.Image, Count = group.Count() })
            .ToDictionaryAsync(row => new WorkloadKey(row.Namespace, row.Image), row => row.Count, cancellation), cancellation);
        foreach (var entry in entries)
        {
            if (await registry.ModelAsync(entry.Workload, cancellation) is { } model)
            {
                yield return Summary(entry, model, open.GetValueOrDefault(entry.Workload));
            }
        }
    }

    WorkloadSummary Summary(WorkloadEntry entry, Model model, int openAlerts)
    {
        var (now, evidence) = (time.UnixNs(), model.Evidence);
        var review = new VersionReview(model, now);
        var running = nodes.Running(entry.Workload).ToList();
        var summary = new WorkloadSummary
        {
            Workload = entry.Message,
            Policy = entry.Policy,
            Containers = running.Count,
            Behaviours = evidence.Behaviours.Count,
            FirstSeenUnixNs = entry.FirstSeenUnixNs,
            LastSeenUnixNs = entry.LastSeenUnixNs,
            OpenAlerts = (ulong)openAlerts,
            Quarantined = review.Quarantined,
            EvidenceUnreadable = registry.IsUnreadable(entry.Workload),
        };
        summary.Classes.AddRange(LearningProgress.Of(evidence, entry.Policy, now).Classes);
        foreach (var progress in summary.Classes)
        {
            progress.Runs = evidence.Classes.FirstOrDefault(of => of.Class == progress.Class)?.Runs ?? false;
        }
        summary.Watched.AddRange(review.Versions());
        summary.Nodes.AddRange(running.Select(pair => pair.Node).Distinct().Order(StringComparer.Ordinal));
        summary.Versions.AddRange(entry.Versions);
        return summary;
    }
}
