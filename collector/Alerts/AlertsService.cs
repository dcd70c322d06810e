using System.Globalization;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>Lists, shows, follows and decides alerts.</summary>
sealed partial class AlertsService(CollectorParts parts) : Proto.Alerts.AlertsBase
{
    const int DefaultLimit = 100;
    const int MaxLimit = 1000;
    const int MaxMembers = 1000;
    const int WatchPage = 100;
    /// <summary>Changes within it reach a watcher as one: bounds the queries of one watcher to 40 per second.</summary>
    static readonly TimeSpan WatchPause = TimeSpan.FromMilliseconds(25);

    /// <summary>Coverage around an alert: what came just before it, unseen, may explain it.</summary>
    static readonly TimeSpan CoverageMargin = TimeSpan.FromMinutes(5);

    readonly StateStore _state = parts.State;
    readonly FleetView _fleets = new(parts.State, parts.Nodes);

    public override async Task<ListAlertsResponse> List(ListAlertsRequest request, ServerCallContext context)
    {
        var limit = request.Limit == 0 ? DefaultLimit : Math.Clamp(request.Limit, 1, MaxLimit);
        try
        {
            var response = new ListAlertsResponse { Revision = (ulong)await RevisionAsync(context.CancellationToken) };
            var page = await _state.ReadAsync(db => AlertPage.ReadAsync(
                AlertPage.Where(AlertPage.Listed(db.Alerts, request.Filter), request.Filter), request.Cursor, request.WorstFirst, limit, context.CancellationToken),
                context.CancellationToken);
            response.NextCursor = page.IsCut ? AlertPage.Cursor(page.Items[^1], request.WorstFirst) : "";
            foreach (var row in page.Items)
            {
                response.Alerts.Add(await _fleets.AlertAsync(row, context.CancellationToken));
            }
            var to = request.Filter is { UntilUnixNs: > 0 } ended ? ended.UntilUnixNs : parts.Time.UnixNs();
            var from = request.Filter is { SinceUnixNs: > 0 } begun ? begun.SinceUnixNs : to - UnixTime.NsPerDay;
            response.Coverage = await parts.Coverage.SummaryAsync(from, to, request.Filter?.Node ?? "", context.CancellationToken);
            return response;
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"cursor: {e.Message}"));
        }
    }

    public override async Task<AlertDetail> Get(GetAlertRequest request, ServerCallContext context)
    {
        var found = await FindAsync(request.Id, context.CancellationToken);
        var after = 0L;
        if (request.Cursor.Length > 0 && !long.TryParse(request.Cursor, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "cursor: it is none of this alert; ask again without it"));
        }
        var members = await _state.ReadAsync(db => AnswerPage<AnomalyRow>.ReadAsync(
            AlertMembers.Of(db, found).Where(row => row.Id > after).OrderBy(row => row.Id)
                .Take(MaxMembers + 1).AsAsyncEnumerable(),
            MaxMembers, row => row.Data.Length, context.CancellationToken), context.CancellationToken);
        var detail = new AlertDetail { Alert = await _fleets.AlertAsync(found, context.CancellationToken) };
        detail.Members.AddRange(members.Items.Select(row => Anomaly.Parser.ParseFrom(row.Data)));
        detail.NextCursor = members.IsCut ? members.Items[^1].Id.ToString(CultureInfo.InvariantCulture) : "";
        if (after == 0)
        {
            detail.Coverage = await parts.Coverage.SummaryAsync(
                found.FirstUnixNs - CoverageMargin.ToNs(), found.LastUnixNs + CoverageMargin.ToNs(), found.Node, context.CancellationToken);
        }
        return detail;
    }

    /// <summary>The alert of the id, or the only one whose id begins so.</summary>
    async Task<AlertRow> FindAsync(string wanted, CancellationToken cancellation)
    {
        if (wanted.Length is 0 or > AlertId.Length)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"id: an alert's id of {AlertId.Length} characters, or its beginning, is expected"));
        }
        var id = wanted.ToLowerInvariant();
        var rows = await _state.ReadAsync(db => db.Alerts
            .Where(row => row.Id.CompareTo(id) >= 0 && row.Id.CompareTo(id + "~") < 0).Take(2)
            .ToListAsync(cancellation), cancellation);
        if (rows.Count != 1)
        {
            throw new RpcException(rows.Count == 0
                ? new Status(StatusCode.NotFound, $"no alert's id begins with '{id}'; see rgctl alerts list")
                : new Status(StatusCode.InvalidArgument, $"more than one alert's id begins with '{id}'; give more of it"));
        }
        return rows[0];
    }

    public override async Task Watch(
        WatchAlertsRequest request, IServerStreamWriter<Alert> responseStream, ServerCallContext context)
    {
        var ended = CallGuard.Of(context.GetHttpContext()).Ended;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, parts.Stopping, ended);
        var cancellation = either.Token;
        using var place = parts.Feed.Enter() ?? throw new RpcException(new Status(StatusCode.ResourceExhausted,
            $"{AlertFeed.MaxWatchers} watchers are connected already; close one"));
        try
        {
            var newest = await RevisionAsync(cancellation);
            // A revision that was never given comes from another store, or from before a backup was put back.
            var seen = request is { Backlog: false, AfterRevision: 0 } ? newest : (long)Math.Min(request.AfterRevision, (ulong)newest);
            // Headers now: the caller knows that from here on nothing is missed.
            await context.WriteResponseHeadersAsync([]);
            while (true)
            {
                var changed = parts.Feed.Next;
                var page = await _state.ReadAsync(db => AlertPage.TakeAsync(
                    AlertPage.Where(db.Alerts.Where(row => row.Revision > seen), request.Filter).OrderBy(row => row.Revision),
                    WatchPage, cancellation), cancellation);
                foreach (var row in page.Items)
                {
                    await responseStream.WriteAsync(await _fleets.AlertAsync(row, cancellation), cancellation);
                    seen = row.Revision;
                }
                if (!page.IsCut)
                {
                    await changed.WaitAsync(cancellation);
                    await Task.Delay(WatchPause, parts.Time, cancellation);
                }
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unauthenticated,
                "the token has expired or was taken back: log in again (rgctl login)"));
        }
        catch (OperationCanceledException) when (parts.Stopping.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the collector stops; watch again"));
        }
    }

    /// <summary>The last revision given to any alert, pruned ones too; 0 before the first.</summary>
    Task<long> RevisionAsync(CancellationToken cancellation) => _state.ReadAsync(db => db.Counters
        .Where(row => row.Name == CounterRow.AlertRevisions).Select(row => row.Last).FirstOrDefaultAsync(cancellation), cancellation);
}
