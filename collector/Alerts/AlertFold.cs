using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>
/// Folds anomalies into incidents inside one transaction: one alert per node, workload, container and
/// lineage: a node that names the container of another writes into no alert but its own. Lives as long as that
/// transaction.
/// </summary>
sealed class AlertFold(StateContext context, long nextRevision)
{
    readonly Dictionary<FoldKey, AlertRow> _touched = [];

    public long NextRevision { get; private set; } = nextRevision;

    public int Opened { get; private set; }

    public async Task AddAsync(Anomaly anomaly, long receivedUnixNs, CancellationToken cancellation)
    {
        var key = FoldKey.Of(anomaly);
        if (!_touched.TryGetValue(key, out var alert))
        {
            alert = await FindAsync(key, cancellation);
            if (alert is null)
            {
                alert = await OpenAsync(key, anomaly, receivedUnixNs, cancellation);
            }
            alert.Revision = NextRevision++;
            _touched.Add(key, alert);
        }
        alert.LastReceivedUnixNs = receivedUnixNs;
        var data = anomaly.ToByteArray();
        Count(alert, anomaly, data, receivedUnixNs);
        context.Anomalies.Add(new AnomalyRow
        {
            AlertId = alert.Id,
            Node = anomaly.Node,
            TimeUnixNs = anomaly.TimeUnixNs,
            ReceivedUnixNs = receivedUnixNs,
            Data = data,
        });
    }

    static void Count(AlertRow alert, Anomaly anomaly, byte[] data, long receivedUnixNs)
    {
        alert.Count++;
        alert.FirstUnixNs = Math.Min(alert.FirstUnixNs, anomaly.TimeUnixNs);
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
            alert.State = (int)AlertState.Open;
        }
    }

    static bool HasDecisionEnded(AlertRow alert, long nowUnixNs) =>
        alert.State is (int)AlertState.Allowed or (int)AlertState.Denied && alert.Decision.Length > 0
        && Decision.Parser.ParseFrom(alert.Decision).ExpiresUnixNs is > 0 and var ends && nowUnixNs >= ends;

    Task<AlertRow?> FindAsync(FoldKey key, CancellationToken cancellation) =>
        context.Alerts.FirstOrDefaultAsync(row =>
            row.ContainerId == key.ContainerId && row.Node == key.Node && row.LineagePid == key.Pid && row.LineageStartUnixNs == key.StartUnixNs &&
            row.Namespace == key.Namespace && row.Image == key.Image, cancellation);

    async Task<AlertRow> OpenAsync(FoldKey key, Anomaly anomaly, long receivedUnixNs, CancellationToken cancellation)
    {
        var id = AlertId.New();
        while (await context.Alerts.AnyAsync(row => row.Id == id, cancellation))
        {
            id = AlertId.New();
        }
        var alert = new AlertRow
        {
            Id = id,
            Namespace = key.Namespace,
            Image = key.Image,
            ContainerId = key.ContainerId,
            ContainerName = anomaly.Container.Name,
            Node = key.Node,
            LineagePid = key.Pid,
            LineageStartUnixNs = key.StartUnixNs,
            State = (int)AlertState.Open,
            FirstUnixNs = anomaly.TimeUnixNs,
            LastUnixNs = anomaly.TimeUnixNs,
            ReceivedUnixNs = receivedUnixNs,
            Worst = [],
            Latest = [],
        };
        context.Alerts.Add(alert);
        Opened++;
        return alert;
    }

    readonly record struct FoldKey(string Node, string Namespace, string Image, string ContainerId, int Pid, long StartUnixNs)
    {
        /// <summary>An anomaly without a lineage is one of its own process.</summary>
        public static FoldKey Of(Anomaly anomaly)
        {
            var (workload, id) = (anomaly.Container.Workload, anomaly.Container.Id);
            return anomaly.LineagePid > 0
                ? new FoldKey(anomaly.Node, workload.Namespace, workload.Image, id, anomaly.LineagePid, anomaly.LineageStartUnixNs)
                : new FoldKey(anomaly.Node, workload.Namespace, workload.Image, id, anomaly.Process.Pid, anomaly.Process.StartUnixNs);
        }
    }
}
