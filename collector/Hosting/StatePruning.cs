using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>
/// Keeps the state store bounded: alerts, anomalies and audit by age and count, old watermarks by age. Ages are by the
/// collector's clock: a node whose clock is wrong neither loses its alerts nor keeps them for ever.
/// </summary>
sealed class StatePruning(StateStore state, StateLimits limits, CollectorDiagnostics diagnostics, TimeProvider time)
{
    public async Task RunAsync(CancellationToken cancellation)
    {
        var oldest = time.UnixNs() - limits.Age.ToNs();
        var pruned = await state.WriteAsync(async context =>
        {
            var alerts = await AlertsAsync(context, oldest, cancellation);
            var newest = await context.Audit.MaxAsync(row => (long?)row.Id, cancellation) ?? 0;
            var audit = await context.Audit.Where(row => row.TimeUnixNs < oldest || row.Id <= newest - limits.Audit)
                .ExecuteDeleteAsync(cancellation);
            await context.Watermarks.Where(row => row.UpdatedUnixNs < oldest).ExecuteDeleteAsync(cancellation);
            return (Alerts: alerts, Audit: audit);
        }, cancellation);
        diagnostics.AlertsPruned.Inc(pruned.Alerts);
        diagnostics.AuditPruned.Inc(pruned.Audit);
    }

    async Task<int> AlertsAsync(StateContext context, long oldest, CancellationToken cancellation)
    {
        var alerts = await context.Alerts.Where(row => row.LastReceivedUnixNs < oldest).ExecuteDeleteAsync(cancellation);
        var surplus = await context.Alerts.CountAsync(cancellation) - limits.Alerts;
        if (surplus > 0)
        {
            // Decided ones go before open ones, older before newer.
            var ids = context.Alerts.OrderBy(row => row.State == (int)AlertState.Open)
                .ThenBy(row => row.LastReceivedUnixNs).Take(surplus).Select(row => row.Id);
            alerts += await context.Alerts.Where(row => ids.Contains(row.Id)).ExecuteDeleteAsync(cancellation);
        }
        // What a pruned alert told goes with it, or it would come back as many.
        alerts += await context.Alerts.Where(row => row.FoldedInto != "" && !context.Alerts.Any(fleet => fleet.Id == row.FoldedInto))
            .ExecuteDeleteAsync(cancellation);
        await context.BehaviourIncidents.Where(row => !context.Alerts.Any(alert => alert.Id == row.AlertId)).ExecuteDeleteAsync(cancellation);
        var newest = await context.Anomalies.MaxAsync(row => (long?)row.Id, cancellation) ?? 0;
        await context.Anomalies
            .Where(row => row.Id <= newest - limits.Anomalies || !context.Alerts.Any(alert => alert.Id == row.AlertId))
            .ExecuteDeleteAsync(cancellation);
        return alerts;
    }
}
