using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>What an override would have covered of the last thirty days of alerts, had it been there: what a person gives away.</summary>
static class OverrideReach
{
    static readonly TimeSpan Span = TimeSpan.FromDays(30);

    /// <summary>Anomalies of one workload or namespace that are looked at: at 4 kB each, a second and 200 MB of reading.</summary>
    public const int MostAnomalies = 50_000;
    const long MostBytes = 256 << 20;

    public static async Task<Reach> OfAsync(
        StateStore state, WorkloadKey workload, Override one, long nowUnixNs, CancellationToken cancellation)
    {
        var reach = new Reach { SinceUnixNs = nowUnixNs - Span.ToNs() };
        var covered = new Dictionary<string, bool>(StringComparer.Ordinal);
        await state.ReadAsync(async context =>
        {
            var bytes = 0L;
            var rows = context.Anomalies.Where(row => row.ReceivedUnixNs >= reach.SinceUnixNs && context.Alerts.Any(alert =>
                    alert.Id == row.AlertId && alert.Namespace == workload.Namespace &&
                    (one.WholeNamespace || alert.Image == workload.Image)))
                .OrderByDescending(row => row.Id).Select(row => new { row.AlertId, row.Data });
            await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancellation))
            {
                if (reach.Searched == MostAnomalies || (bytes += row.Data.Length) > MostBytes)
                {
                    reach.Partial = true;
                    break;
                }
                reach.Searched++;
                var holds = Covers(one, Anomaly.Parser.ParseFrom(row.Data));
                reach.Anomalies += holds ? 1 : 0;
                covered[row.AlertId] = holds && covered.GetValueOrDefault(row.AlertId, true);
            }
            return true;
        }, cancellation);
        reach.Alerts = covered.Count(alert => alert.Value);
        return reach;
    }

    static bool Covers(Override one, Anomaly anomaly)
    {
        var critical = CriticalRules.All.Any(rule => rule.Id == anomaly.Rule);
        return BehaviourNames.Of(anomaly.Behaviour).Any(names => Overrides.Covers(one, new BehaviourEvidence
        {
            Class = anomaly.Class,
            Key = anomaly.BehaviourKey,
            Actor = names.Actor,
            Object = names.Object,
        }, BehaviourNames.Version(anomaly.Container), critical));
    }
}
