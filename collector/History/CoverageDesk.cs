using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>
/// Says, for a range of time and for one node or all, what was watched: every coverage row of the range counts, however
/// many there are. Thread-safe.
/// </summary>
sealed class CoverageDesk(IHistoryStore history, NodeDirectory nodes, StateStore state, CollectorOptions options, TimeProvider time)
{
    /// <summary>What coverage takes of an answer; beyond it nodes are told without their gaps and losses.</summary>
    const int MaxBytes = 2 << 20;

    public async Task<CoverageSummary> SummaryAsync(long fromUnixNs, long toUnixNs, string node, CancellationToken cancellation)
    {
        var to = Math.Min(toUnixNs, time.UnixNs());
        var summary = new CoverageSummary { FromUnixNs = fromUnixNs, ToUnixNs = to };
        summary.Warnings.AddRange(history.Health.Warnings);
        var tallies = new Dictionary<string, CoverageTally>(StringComparer.Ordinal);
        await history.ReadCoverageAsync(fromUnixNs, Math.Max(to, fromUnixNs + 1), node, row =>
        {
            if (!tallies.TryGetValue(row.Node, out var tally))
            {
                tallies.Add(row.Node, tally = new CoverageTally());
            }
            tally.Add(row);
        }, cancellation);
        var enrolled = await state.ReadAsync(context => context.Nodes
            .Where(row => node.Length == 0 || row.Name == node).OrderBy(row => row.Name).ToListAsync(cancellation), cancellation);
        var bytes = 0;
        foreach (var row in enrolled.Where(row => row.EnrolledUnixNs < to && (row.RevokedUnixNs == 0 || tallies.ContainsKey(row.Name))))
        {
            var live = nodes.Find(row.Name);
            var silentSince = nodes.StateOf(row, live, options.SilentAfter) == "connected"
                ? 0
                : Math.Max(live?.LastHeardUnixNs ?? row.LastHeardUnixNs, row.EnrolledUnixNs);
            var tally = tallies.GetValueOrDefault(row.Name) ?? new CoverageTally();
            if (live is not null && silentSince == 0)
            {
                tally.Hear(live.Hello.StartedUnixNs, live.LastHeardUnixNs);
            }
            var told = tally.Report(row, (fromUnixNs, to), silentSince, summary.Warnings);
            bytes += told.CalculateSize();
            if (bytes > MaxBytes && told.Gaps.Count + told.Losses.Count > 0)
            {
                told.Gaps.Clear();
                told.Losses.Clear();
                summary.Warnings.Add($"{row.Name}: its gaps and losses do not fit the answer; ask for this node alone");
            }
            summary.Nodes.Add(told);
        }
        return summary;
    }
}
