using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>Says, for a range of time and for one node or all, what was watched. Thread-safe.</summary>
sealed class CoverageDesk(IHistoryStore history, NodeDirectory nodes, StateStore state, CollectorOptions options, TimeProvider time)
{
    const int MaxRows = 20_000;

    public async Task<CoverageSummary> SummaryAsync(long fromUnixNs, long toUnixNs, string node, CancellationToken cancellation)
    {
        var to = Math.Min(toUnixNs, time.UnixNs());
        var summary = new CoverageSummary { FromUnixNs = fromUnixNs, ToUnixNs = to };
        summary.Warnings.AddRange(history.Health.Warnings);
        var page = await history.QueryAsync(new HistoryFilter
        {
            FromUnixNs = fromUnixNs,
            ToUnixNs = Math.Max(to, fromUnixNs + 1),
            Kinds = [HistoryKind.Coverage, HistoryKind.Gap],
            Node = node,
            Limit = MaxRows,
        }, cancellation);
        if (page.Next is not null)
        {
            summary.Warnings.Add($"more than {MaxRows} coverage rows: the oldest of the range are not counted");
        }
        var rows = page.Rows.ToLookup(row => row.Node);
        var enrolled = await state.ReadAsync(context => context.Nodes
            .Where(row => node.Length == 0 || row.Name == node).OrderBy(row => row.Name).ToListAsync(cancellation), cancellation);
        foreach (var row in enrolled.Where(row => row.EnrolledUnixNs < to && (row.RevokedUnixNs == 0 || rows.Contains(row.Name))))
        {
            var live = nodes.Find(row.Name);
            var silentSince = nodes.StateOf(row, live, options.SilentAfter) == "connected"
                ? 0
                : Math.Max(live?.LastHeardUnixNs ?? row.LastHeardUnixNs, row.EnrolledUnixNs);
            summary.Nodes.Add(CoverageReport.Of(row, rows[row.Name], (fromUnixNs, to), silentSince, summary.Warnings));
        }
        return summary;
    }
}
