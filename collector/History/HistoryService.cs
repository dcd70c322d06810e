using Grpc.Core;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>Answers history queries page by page, so that a slow caller holds no segment.</summary>
sealed class HistoryService(CollectorParts parts) : Proto.History.HistoryBase
{
    const int PageRows = 5000;

    public override async Task Query(HistoryQuery request, IServerStreamWriter<HistoryAnswer> responseStream, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        try
        {
            var filter = HistoryFilter.Of(request, parts.Time.UnixNs());
            var next = await SendAsync(filter, responseStream, cancellation);
            var end = new HistoryEnd
            {
                Coverage = await parts.Coverage.SummaryAsync(filter.FromUnixNs, filter.ToUnixNs, filter.Node, cancellation),
                NextCursor = next is { } cursor ? HistoryFilter.CursorText(cursor) : "",
                Partial = parts.History.Health.Warnings.Count > 0,
            };
            await responseStream.WriteAsync(new HistoryAnswer { End = end }, cancellation);
        }
        catch (FormatException e)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, e.Message));
        }
        catch (HistoryException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, "the query took too long; give a shorter time range"));
        }
    }

    async Task<HistoryCursor?> SendAsync(
        HistoryFilter filter, IServerStreamWriter<HistoryAnswer> responseStream, CancellationToken cancellation)
    {
        var left = filter.Limit;
        while (true)
        {
            var page = await parts.History.QueryAsync(filter with { Limit = Math.Min(left, PageRows) }, cancellation);
            foreach (var row in page.Rows)
            {
                await responseStream.WriteAsync(new HistoryAnswer { Row = Shown(row) }, cancellation);
            }
            left -= page.Rows.Count;
            if (page.Next is null || left == 0)
            {
                return page.Next;
            }
            filter = filter with { Cursor = page.Next };
        }
    }

    /// <summary>Coverage and gaps in words; the others as they are.</summary>
    static HistoryRow Shown(HistoryRow row)
    {
        if (row.Kind == HistoryKind.Coverage.Name())
        {
            var coverage = Coverage.Parser.ParseJson(row.Detail);
            var losses = string.Join(", ", coverage.Losses.Select(loss => $"{loss.Cause} {loss.EventClass} {loss.Count}"));
            row.Detail = $"{(coverage.Blind ? "blind" : "watched")}{(coverage.Reason.Length > 0 ? $": {coverage.Reason}" : "")}" +
                $"{(losses.Length > 0 ? $"; lost {losses}" : "")}";
        }
        else if (row.Kind == HistoryKind.Gap.Name())
        {
            var gap = Gap.Parser.ParseJson(row.Detail);
            row.Detail = $"{gap.Reason}; missing {gap.Anomalies} anomalies, {gap.Records} records";
        }
        return row;
    }
}
