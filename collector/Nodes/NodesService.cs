using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Nodes;

/// <summary>Shows nodes: who is connected, what each sees and has lost.</summary>
sealed class NodesService(CollectorParts parts) : Proto.Nodes.NodesBase
{
    public override async Task<ListNodesResponse> List(ListNodesRequest request, ServerCallContext context)
    {
        var rows = await parts.State.ReadAsync(
            db => db.Nodes.OrderBy(row => row.Name).ToListAsync(context.CancellationToken), context.CancellationToken);
        var response = new ListNodesResponse();
        foreach (var row in rows)
        {
            response.Nodes.Add(await StatusAsync(row, context.CancellationToken));
        }
        return response;
    }

    public override async Task<NodeStatus> Get(GetNodeRequest request, ServerCallContext context)
    {
        var row = await parts.State.ReadAsync(
            db => db.Nodes.FirstOrDefaultAsync(row => row.Name == request.Node, context.CancellationToken),
            context.CancellationToken) ??
            throw new RpcException(new Status(StatusCode.NotFound, $"no node '{request.Node}' is enrolled; see rgctl nodes list"));
        return await StatusAsync(row, context.CancellationToken);
    }

    async Task<NodeStatus> StatusAsync(NodeRow row, CancellationToken cancellation)
    {
        var live = parts.Nodes.Find(row.Name);
        var status = new NodeStatus
        {
            Node = row.Name,
            State = parts.Nodes.StateOf(row, live, parts.Options.SilentAfter),
            ConnectedSinceUnixNs = live?.ConnectedUnixNs ?? 0,
            LastHeardUnixNs = live?.LastHeardUnixNs ?? row.LastHeardUnixNs,
            Hello = live?.Hello ?? (row.Hello.Length > 0 ? Hello.Parser.ParseFrom(row.Hello) : null),
            Heartbeat = live?.Heartbeat ?? (row.Heartbeat.Length > 0 ? Heartbeat.Parser.ParseFrom(row.Heartbeat) : null),
            EnrolledUnixNs = row.EnrolledUnixNs,
            CertificateExpiresUnixNs = row.CertificateExpiresUnixNs,
        };
        if (status.Hello is { } hello)
        {
            var key = new Gateway.LaneKey(row.Name, hello.SpoolId);
            status.AnomaliesCommitted = await parts.Anomalies.CommittedAsync(key, cancellation);
            status.RecordsCommitted = parts.History.Committed(key) ?? 0;
        }
        var now = parts.Time.UnixNs();
        var coverage = await parts.Coverage.SummaryAsync(now - UnixTime.NsPerDay, now, row.Name, cancellation);
        status.RecentGaps.AddRange(coverage.Nodes.SelectMany(node => node.Gaps));
        return status;
    }
}
