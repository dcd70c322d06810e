using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>Alerts as people get them: a fleet's with its containers as they are now. Thread-safe.</summary>
sealed class FleetView(StateStore state, NodeDirectory nodes)
{
    public async Task<Alert> AlertAsync(AlertRow row, CancellationToken cancellation)
    {
        var alert = AlertMessage.Of(row);
        if (row.Kind == (int)AlertKind.Fleet)
        {
            alert.Fleet = await FleetAsync(row, alert.Worst, cancellation);
        }
        return alert;
    }

    async Task<Fleet> FleetAsync(AlertRow row, Anomaly worst, CancellationToken cancellation)
    {
        var (containers, folded) = await state.ReadAsync(async context => (
            await AlertMembers.IncidentsOf(context, row).Select(seen => seen.ContainerId).Distinct().ToListAsync(cancellation),
            await context.Alerts.CountAsync(incident => incident.FoldedInto == row.Id, cancellation)), cancellation);
        var live = nodes.Running(new WorkloadKey(row.Namespace, row.Image)).Select(running => running.Container.Id).ToHashSet(StringComparer.Ordinal);
        return new Fleet
        {
            Containers = (uint)containers.Count,
            Live = (uint)live.Count,
            LiveWith = (uint)containers.Count(live.Contains),
            Folded = (uint)folded,
            Version = worst.Explanation?.Version ?? "",
        };
    }
}
