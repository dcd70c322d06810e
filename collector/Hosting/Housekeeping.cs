using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>What time alone must do: locks that fall due, revocations made elsewhere, last words of nodes, old rows.</summary>
sealed class Housekeeping(CollectorParts parts)
{
    static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    const int SaveEveryTicks = 30;
    const int SweepEveryTicks = 3;
    const int PruneEveryTicks = 600;
    const int HistoryEveryTicks = 60;

    /// <summary>Runs until cancelled. A store that fails is told in the log and tried again at the next tick.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Tick, parts.Time);
        try
        {
            for (var tick = 1L; await timer.WaitForNextTickAsync(cancellation); tick++)
            {
                try
                {
                    await DoAsync(tick, cancellation);
                }
                catch (Exception e) when (e is DbUpdateException or System.Data.Common.DbException or IOException)
                {
                    parts.Diagnostics.HousekeepingFailed(e.Message);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Told to stop.
        }
    }

    async Task DoAsync(long tick, CancellationToken cancellation)
    {
        await parts.Registry.LockDueAsync(cancellation);
        if (tick % SweepEveryTicks == 0)
        {
            await parts.Nodes.SweepAsync(cancellation);
        }
        if (tick % SaveEveryTicks == 0)
        {
            foreach (var live in parts.Nodes.Live)
            {
                await parts.Nodes.SaveAsync(live, cancellation);
            }
            await parts.Registry.SeenAsync(parts.Nodes.Live
                .SelectMany(live => live.Heartbeat?.Containers ?? [])
                .Select(status => status.Container), cancellation);
        }
        if (tick % PruneEveryTicks == 0)
        {
            await PruneAsync(cancellation);
        }
        if (tick % HistoryEveryTicks == 0)
        {
            var report = await parts.History.EnforceAsync(parts.Options.HistoryAge, parts.Options.HistoryBytes, cancellation);
            parts.Diagnostics.SegmentsRemoved.Inc(report.SegmentsRemoved);
            parts.Diagnostics.HistoryBytes.Set(parts.History.Health.Bytes);
        }
    }

    /// <summary>Keeps the state store bounded: alerts and anomalies by age and count, audit and old watermarks by age.</summary>
    async Task PruneAsync(CancellationToken cancellation)
    {
        var limits = parts.Options.StateLimits;
        var oldest = parts.Time.UnixNs() - limits.Age.ToNs();
        var pruned = await parts.State.WriteAsync(async context =>
        {
            var alerts = await context.Alerts.Where(row => row.LastUnixNs < oldest).ExecuteDeleteAsync(cancellation);
            var surplus = await context.Alerts.CountAsync(cancellation) - limits.Alerts;
            if (surplus > 0)
            {
                // Decided ones go before open ones, older before newer.
                var ids = context.Alerts.OrderBy(row => row.State == (int)AlertState.Open)
                    .ThenBy(row => row.LastUnixNs).Take(surplus).Select(row => row.Id);
                alerts += await context.Alerts.Where(row => ids.Contains(row.Id)).ExecuteDeleteAsync(cancellation);
            }
            var newest = await context.Anomalies.MaxAsync(row => (long?)row.Id, cancellation) ?? 0;
            await context.Anomalies
                .Where(row => row.Id <= newest - limits.Anomalies || !context.Alerts.Any(alert => alert.Id == row.AlertId))
                .ExecuteDeleteAsync(cancellation);
            await context.Audit.Where(row => row.TimeUnixNs < oldest).ExecuteDeleteAsync(cancellation);
            await context.Watermarks.Where(row => row.UpdatedUnixNs < oldest).ExecuteDeleteAsync(cancellation);
            return alerts;
        }, cancellation);
        parts.Diagnostics.AlertsPruned.Inc(pruned);
    }
}
