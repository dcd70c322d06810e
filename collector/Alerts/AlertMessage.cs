using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

static class AlertMessage
{
    public static Alert Of(AlertRow row) => new()
    {
        Id = row.Id,
        State = (AlertState)row.State,
        Worst = Anomaly.Parser.ParseFrom(row.Worst),
        Latest = Anomaly.Parser.ParseFrom(row.Latest),
        Count = (ulong)row.Count,
        FirstUnixNs = row.FirstUnixNs,
        LastUnixNs = row.LastUnixNs,
        ReceivedUnixNs = row.ReceivedUnixNs,
        Revision = (ulong)row.Revision,
        Kind = (AlertKind)row.Kind,
        Reason = row.Reason,
        FoldedInto = row.FoldedInto,
        Decision = row.Decision.Length > 0 ? Decision.Parser.ParseFrom(row.Decision) : null,
    };
}
