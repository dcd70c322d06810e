using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>
/// Makes one alert of the workload of what many of its containers do, inside the transaction of the anomalies. A behaviour
/// seen in three containers becomes a fleet's alert; incidents that consist of it alone are folded into that, and come out
/// again when more happens in them. What a rule told stays with its incident, and what a person decided of stays apart.
/// </summary>
sealed class FleetFold(StateContext context, AlertRevisions revisions)
{
    /// <summary>Fewer containers are a few incidents, as <see cref="Models.DriftAbsorption.FewestReplicas"/> says of replicas.</summary>
    public const int FewestContainers = Models.DriftAbsorption.FewestReplicas;

    /// <summary>Those this transaction has written to.</summary>
    readonly Dictionary<(string Namespace, string Image, long Behaviour), AlertRow> _touched = [];

    public int Opened { get; private set; }

    /// <summary>The behaviour by which an anomaly may belong to a fleet; 0: a rule told it, or it names none.</summary>
    public static long BehaviourOf(Anomaly anomaly) => anomaly.Rule.Length > 0 ? 0 : unchecked((long)anomaly.BehaviourKey);

    /// <param name="incident">With the anomaly counted.</param>
    /// <param name="anomaly">Its row is in the context.</param>
    /// <param name="data">The anomaly's bytes.</param>
    /// <param name="receivedUnixNs">Now.</param>
    /// <param name="cancellation">Of the transaction.</param>
    public async Task AddAsync(AlertRow incident, Anomaly anomaly, byte[] data, long receivedUnixNs, CancellationToken cancellation)
    {
        if (incident.OnlyBehaviour == 0)
        {
            incident.FoldedInto = "";
        }
        var behaviour = BehaviourOf(anomaly);
        if (behaviour == 0)
        {
            return;
        }
        await NoteAsync(incident, behaviour, cancellation);
        var key = (incident.Namespace, incident.Image, behaviour);
        if (_touched.TryGetValue(key, out var fleet) || await FindAsync(key, cancellation) is { } found && Touch(key, fleet = found))
        {
            AlertMembers.Count(fleet, anomaly, data, receivedUnixNs);
        }
        else if (await IsFleetsAsync(key, cancellation))
        {
            fleet = await OpenAsync(key, receivedUnixNs, cancellation);
        }
        // What comes although the fleet's was decided is not covered by that: it tells itself.
        if (fleet is { State: (int)AlertState.Open }
            && incident.OnlyBehaviour == behaviour && incident.State == (int)AlertState.Open)
        {
            incident.FoldedInto = fleet.Id;
        }
    }

    /// <summary>Saved at once: what is asked next is asked of the database.</summary>
    async Task NoteAsync(AlertRow incident, long behaviour, CancellationToken cancellation)
    {
        if (await context.BehaviourIncidents.FindAsync([incident.Namespace, incident.Image, behaviour, incident.Id], cancellation) is not null)
        {
            return;
        }
        context.BehaviourIncidents.Add(new BehaviourIncidentRow
        {
            Namespace = incident.Namespace,
            Image = incident.Image,
            BehaviourKey = behaviour,
            AlertId = incident.Id,
            ContainerId = incident.ContainerId,
        });
        await context.SaveChangesAsync(cancellation);
    }

    Task<AlertRow?> FindAsync((string Namespace, string Image, long Behaviour) key, CancellationToken cancellation) =>
        context.Alerts.FirstOrDefaultAsync(row => row.ContainerId == "" && row.Node == "" && row.LineagePid == 0 && row.LineageStartUnixNs == 0
            && row.Kind == (int)AlertKind.Fleet && row.Subject == key.Behaviour && row.Namespace == key.Namespace && row.Image == key.Image, cancellation);

    async Task<bool> IsFleetsAsync((string Namespace, string Image, long Behaviour) key, CancellationToken cancellation) =>
        await context.BehaviourIncidents.Where(row => row.Namespace == key.Namespace && row.Image == key.Image && row.BehaviourKey == key.Behaviour)
            .Select(row => row.ContainerId).Distinct().Take(FewestContainers).CountAsync(cancellation) == FewestContainers;

    /// <summary>With all that is kept of the behaviour, this anomaly too.</summary>
    async Task<AlertRow> OpenAsync(
        (string Namespace, string Image, long Behaviour) key, long receivedUnixNs, CancellationToken cancellation)
    {
        var fleet = AlertRow.OfWorkload(
            await AlertId.NewAsync(context, cancellation), AlertKind.Fleet, key.Behaviour, (key.Namespace, key.Image), receivedUnixNs);
        fleet.OnlyBehaviour = key.Behaviour;
        // By the nodes' clocks, of the members alone.
        (fleet.FirstUnixNs, fleet.LastUnixNs) = (long.MaxValue, long.MinValue);
        await context.SaveChangesAsync(cancellation);
        await foreach (var member in AlertMembers.Of(context, fleet).OrderBy(row => row.Id).Select(row => new { row.Data, row.ReceivedUnixNs })
            .AsAsyncEnumerable().WithCancellation(cancellation))
        {
            AlertMembers.Count(fleet, Anomaly.Parser.ParseFrom(member.Data), member.Data, member.ReceivedUnixNs);
        }
        foreach (var incident in await context.Alerts.Where(row => row.OnlyBehaviour == key.Behaviour && row.Kind == (int)AlertKind.Incident
                && (row.State == (int)AlertState.Open || row.State == (int)AlertState.Resolved)
                && AlertMembers.IncidentsOf(context, fleet).Any(seen => seen.AlertId == row.Id)).ToListAsync(cancellation))
        {
            incident.FoldedInto = fleet.Id;
            incident.Revision = revisions.Next();
        }
        context.Alerts.Add(fleet);
        Touch(key, fleet);
        Opened++;
        return fleet;
    }

    bool Touch((string Namespace, string Image, long Behaviour) key, AlertRow fleet)
    {
        fleet.Revision = revisions.Next();
        _touched.Add(key, fleet);
        return true;
    }
}
