using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>Which anomalies an alert is made of, and what it becomes by one more.</summary>
static class AlertMembers
{
    /// <summary>
    /// An incident's are those of its lineage. A fleet's are all of its behaviour in its workload, whose incidents they stay
    /// members of: nothing is moved, so it does not matter in which order they came.
    /// </summary>
    public static IQueryable<AnomalyRow> Of(StateContext context, AlertRow alert) => alert.Kind == (int)AlertKind.Fleet
        ? context.Anomalies.Where(row => row.BehaviourKey == alert.Subject && IncidentsOf(context, alert).Any(seen => seen.AlertId == row.AlertId))
        : context.Anomalies.Where(row => row.AlertId == alert.Id);

    /// <summary>The incidents a fleet's behaviour was seen in.</summary>
    public static IQueryable<BehaviourIncidentRow> IncidentsOf(StateContext context, AlertRow fleet) => context.BehaviourIncidents.Where(row =>
        row.Namespace == fleet.Namespace && row.Image == fleet.Image && row.BehaviourKey == fleet.Subject);

    public static void Count(AlertRow alert, Anomaly anomaly, byte[] data, long receivedUnixNs)
    {
        alert.Count++;
        alert.FirstUnixNs = Math.Min(alert.FirstUnixNs, anomaly.TimeUnixNs);
        alert.ReceivedUnixNs = Math.Min(alert.ReceivedUnixNs, receivedUnixNs);
        alert.LastReceivedUnixNs = Math.Max(alert.LastReceivedUnixNs, receivedUnixNs);
        if (anomaly.TimeUnixNs >= alert.LastUnixNs)
        {
            alert.LastUnixNs = anomaly.TimeUnixNs;
            alert.Latest = data;
        }
        var critical = anomaly.Rule.Length > 0;
        var score = anomaly.Explanation?.Score ?? 0;
        if (alert.Count == 1 || (critical && !alert.Critical) || (critical == alert.Critical && score < alert.Score))
        {
            (alert.Critical, alert.Score, alert.Worst) = (critical, score, data);
        }
        // A resolved incident that goes on is not resolved. What people allowed or denied stays their decision as long as it holds.
        if (alert.State == (int)AlertState.Resolved || HasDecisionEnded(alert, receivedUnixNs))
        {
            (alert.State, alert.Reason) = ((int)AlertState.Open, "");
        }
    }

    static bool HasDecisionEnded(AlertRow alert, long nowUnixNs) =>
        alert.State is (int)AlertState.Allowed or (int)AlertState.Denied && alert.Decision.Length > 0
        && Decision.Parser.ParseFrom(alert.Decision).ExpiresUnixNs is > 0 and var ends && nowUnixNs >= ends;
}
