using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Nodes;

/// <summary>Shows nodes: who is connected, what each sees and has lost.</summary>
sealed class NodesService(CollectorParts parts) : Proto.Nodes.NodesBase
{
    const int MaxNodes = 1000;

    public override async Task<ListNodesResponse> List(ListNodesRequest request, ServerCallContext context)
    {
        var rows = await parts.State.ReadAsync(
            db => db.Nodes.Where(row => row.Name.CompareTo(request.Cursor) > 0).OrderBy(row => row.Name)
                .ToListAsync(context.CancellationToken), context.CancellationToken);
        var coverage = (await CoverageAsync("", context.CancellationToken)).ToDictionary(node => node.Node, StringComparer.Ordinal);
        var page = new AnswerPage<NodeStatus>(MaxNodes, status => status.CalculateSize());
        foreach (var row in rows)
        {
            if (!page.TryAdd(await StatusAsync(row, coverage.GetValueOrDefault(row.Name), context.CancellationToken)))
            {
                break;
            }
        }
        return new ListNodesResponse { Nodes = { page.Items }, NextCursor = page.IsCut ? page.Items[^1].Node : "" };
    }

    public override async Task<NodeStatus> Get(GetNodeRequest request, ServerCallContext context)
    {
        var row = await parts.State.ReadAsync(
            db => db.Nodes.FirstOrDefaultAsync(row => row.Name == request.Node, context.CancellationToken),
            context.CancellationToken) ??
            throw new RpcException(new Status(StatusCode.NotFound, $"no node '{request.Node}' is enrolled; see rgctl nodes list"));
        var coverage = await CoverageAsync(row.Name, context.CancellationToken);
        return await StatusAsync(row, coverage.FirstOrDefault(), context.CancellationToken);
    }

    /// <summary>Coverage of the last day, of one node or (empty) of all: one reading of history either way.</summary>
    async Task<IEnumerable<NodeCoverage>> CoverageAsync(string node, CancellationToken cancellation)
    {
        var now = parts.Time.UnixNs();
        return (await parts.Coverage.SummaryAsync(now - UnixTime.NsPerDay, now, node, cancellation)).Nodes;
    }

    async Task<NodeStatus> StatusAsync(NodeRow row, NodeCoverage? coverage, CancellationToken cancellation)
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
            status.RecordsCommitted = parts.History.Committed(key)?.Seq ?? 0;
        }
        status.RecentGaps.AddRange(coverage?.Gaps ?? []);
        status.Losses.AddRange(coverage?.Losses ?? []);
        return status;
    }
}
