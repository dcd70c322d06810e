using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>What people decided of alerts, written in the transaction of the override it goes with.</summary>
static class AlertDecision
{
    /// <summary>Sets the alert to allowed or denied.</summary>
    /// <returns>The row as it is now; null when the alert was pruned meanwhile.</returns>
    public static async Task<AlertRow?> SetAsync(
        StateContext context, string alertId, Override one, CancellationToken cancellation)
    {
        if (await context.Alerts.FirstOrDefaultAsync(row => row.Id == alertId, cancellation) is not { } alert)
        {
            return null;
        }
        var revisions = await AlertRevisions.OfAsync(context, cancellation);
        alert.State = (int)(one.Kind == OverrideKind.Deny ? AlertState.Denied : AlertState.Allowed);
        alert.Revision = revisions.Next();
        alert.FoldedInto = ""; // what a person decided stands for itself
        Write(alert, one);
        return alert;
    }

    /// <summary>The override was retracted: what recurs of the alerts it decided opens them again.</summary>
    public static async Task EndAsync(StateContext context, string overrideId, long nowUnixNs, CancellationToken cancellation)
    {
        var revisions = await AlertRevisions.OfAsync(context, cancellation);
        foreach (var alert in await context.Alerts.Where(row => row.OverrideId == overrideId).ToListAsync(cancellation))
        {
            var decision = Decision.Parser.ParseFrom(alert.Decision);
            decision.ExpiresUnixNs = decision.ExpiresUnixNs == 0 ? nowUnixNs : Math.Min(decision.ExpiresUnixNs, nowUnixNs);
            alert.Decision = decision.ToByteArray();
            alert.Revision = revisions.Next();
        }
    }

    /// <summary>Another override took the place of these: the alerts they decided go with it.</summary>
    public static async Task MoveAsync(
        StateContext context, IReadOnlyCollection<string> replaced, Override by, CancellationToken cancellation)
    {
        var revisions = await AlertRevisions.OfAsync(context, cancellation);
        foreach (var alert in await context.Alerts.Where(row => replaced.Contains(row.OverrideId)).ToListAsync(cancellation))
        {
            Write(alert, by);
            alert.Revision = revisions.Next();
        }
    }

    static void Write(AlertRow alert, Override one)
    {
        alert.OverrideId = one.Id;
        alert.Decision = new Decision
        {
            User = one.CreatedBy,
            Reason = one.Reason,
            TimeUnixNs = one.CreatedUnixNs,
            OverrideId = one.Id,
            ExpiresUnixNs = one.ExpiresUnixNs,
        }.ToByteArray();
    }
}
