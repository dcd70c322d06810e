using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>
/// Folds anomalies into incidents inside one transaction: one alert per node, workload, container and
/// lineage: a node that names the container of another writes into no incident but its own. Lives as long as that
/// transaction.
/// </summary>
sealed class AlertFold(StateContext context, AlertRevisions revisions)
{
    readonly Dictionary<FoldKey, AlertRow> _touched = [];
    readonly FleetFold _fleets = new(context, revisions);
    int _opened;

    public int Opened => _opened + _fleets.Opened;

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
            alert.Revision = revisions.Next();
            _touched.Add(key, alert);
        }
        var data = anomaly.ToByteArray();
        var behaviour = FleetFold.BehaviourOf(anomaly);
        alert.OnlyBehaviour = alert.Count == 0 || alert.OnlyBehaviour == behaviour ? behaviour : 0;
        AlertMembers.Count(alert, anomaly, data, receivedUnixNs);
        context.Anomalies.Add(new AnomalyRow
        {
            AlertId = alert.Id,
            Node = anomaly.Node,
            TimeUnixNs = anomaly.TimeUnixNs,
            ReceivedUnixNs = receivedUnixNs,
            Data = data,
            BehaviourKey = behaviour,
        });
        await _fleets.AddAsync(alert, anomaly, data, receivedUnixNs, cancellation);
    }

    Task<AlertRow?> FindAsync(FoldKey key, CancellationToken cancellation) =>
        context.Alerts.FirstOrDefaultAsync(row =>
            row.ContainerId == key.ContainerId && row.Node == key.Node && row.LineagePid == key.Pid && row.LineageStartUnixNs == key.StartUnixNs &&
            row.Namespace == key.Namespace && row.Image == key.Image, cancellation);

    async Task<AlertRow> OpenAsync(FoldKey key, Anomaly anomaly, long receivedUnixNs, CancellationToken cancellation)
    {
        var alert = new AlertRow
        {
            Id = await AlertId.NewAsync(context, cancellation),
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
        _opened++;
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
