using System.Globalization;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>Filters, orders and pages alerts. Cursors name the last alert given, so that new alerts shift no page.</summary>
static class AlertPage
{
    /// <summary>What a list shows: what is folded into another alert only where it, or its container or node, is asked for.</summary>
    public static IQueryable<AlertRow> Listed(IQueryable<AlertRow> alerts, AlertFilter? filter) => filter switch
    {
        { FoldedInto.Length: > 0 } or { Container.Length: > 0 } or { Node.Length: > 0 } => alerts,
        _ => alerts.Where(row => row.FoldedInto == ""),
    };

    public static IQueryable<AlertRow> Where(IQueryable<AlertRow> alerts, AlertFilter? filter)
    {
        if (filter is null)
        {
            return alerts;
        }
        if (filter.Namespace.Length > 0)
        {
            alerts = alerts.Where(row => row.Namespace == filter.Namespace);
        }
        if (filter.Image.Length > 0)
        {
            alerts = alerts.Where(row => row.Image.Contains(filter.Image));
        }
        if (filter.Container.Length > 0)
        {
            alerts = alerts.Where(row => row.ContainerId.StartsWith(filter.Container) || row.ContainerName == filter.Container);
        }
        if (filter.Node.Length > 0)
        {
            alerts = alerts.Where(row => row.Node == filter.Node);
        }
        if (filter.SinceUnixNs > 0)
        {
            alerts = alerts.Where(row => row.LastUnixNs >= filter.SinceUnixNs);
        }
        if (filter.UntilUnixNs > 0)
        {
            alerts = alerts.Where(row => row.FirstUnixNs < filter.UntilUnixNs);
        }
        if (filter.State != AlertState.Unspecified)
        {
            alerts = alerts.Where(row => row.State == (int)filter.State);
        }
        if (filter.FoldedInto.Length > 0)
        {
            alerts = alerts.Where(row => row.FoldedInto == filter.FoldedInto);
        }
        // A critical rule is worse than any score.
        return filter.MaxScore > 0 ? alerts.Where(row => row.Critical || row.Score <= filter.MaxScore) : alerts;
    }

    /// <exception cref="FormatException">The cursor is not one this collector gave for this order.</exception>
    public static Task<AnswerPage<AlertRow>> ReadAsync(
        IQueryable<AlertRow> alerts, string cursor, bool worstFirst, int limit, CancellationToken cancellation)
    {
        if (cursor.Length > 0)
        {
            alerts = After(alerts, cursor, worstFirst);
        }
        alerts = worstFirst
            ? alerts.OrderByDescending(row => row.Critical).ThenBy(row => row.Score).ThenBy(row => row.Id)
            : alerts.OrderByDescending(row => row.LastUnixNs).ThenBy(row => row.Id);
        return TakeAsync(alerts, limit, cancellation);
    }

    /// <summary>What fits one page of the alerts as they are ordered.</summary>
    public static Task<AnswerPage<AlertRow>> TakeAsync(IQueryable<AlertRow> alerts, int limit, CancellationToken cancellation) =>
        // One more than the page holds tells that there is more.
        AnswerPage<AlertRow>.ReadAsync(alerts.Take(limit + 1).AsAsyncEnumerable(), limit, Bytes, cancellation);

    /// <summary>Of its message: the two anomalies, a reason and a few numbers.</summary>
    static int Bytes(AlertRow row) => row.Worst.Length + row.Latest.Length + (4 * row.Reason.Length) + 192;

    public static string Cursor(AlertRow last, bool worstFirst) => worstFirst
        ? string.Create(CultureInfo.InvariantCulture, $"w:{(last.Critical ? 1 : 0)}:{last.Score:R}:{last.Id}")
        : string.Create(CultureInfo.InvariantCulture, $"n:{last.LastUnixNs}:{last.Id}");

    static IQueryable<AlertRow> After(IQueryable<AlertRow> alerts, string cursor, bool worstFirst)
    {
        var parts = cursor.Split(':');
        if (worstFirst && parts is ["w", var flag, var scoreText, var worstId])
        {
            var critical = flag == "1";
            var score = double.Parse(scoreText, CultureInfo.InvariantCulture);
            return alerts.Where(row =>
                (critical && !row.Critical) ||
                (row.Critical == critical && (row.Score > score || (row.Score == score && row.Id.CompareTo(worstId) > 0))));
        }
        if (!worstFirst && parts is ["n", var lastText, var id])
        {
            var last = long.Parse(lastText, CultureInfo.InvariantCulture);
            return alerts.Where(row => row.LastUnixNs < last || (row.LastUnixNs == last && row.Id.CompareTo(id) > 0));
        }
        throw new FormatException("the cursor belongs to another order; repeat the query without it");
    }
}
