using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Collector.Gateway;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>
/// Copies anomalies from the state store into history by cursor: the history's own watermark of the ids copied. A kill
/// between the two stores loses nothing and copies nothing twice; what the newest day held is copied
/// again when that day is damaged.
/// </summary>
sealed class AnomalyPump(StateStore state, IHistoryStore history, AlertFeed feed, CollectorDiagnostics diagnostics)
{
    const int Page = 500;
    static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);
    /// <summary>No node's name is empty.</summary>
    static readonly LaneKey Cursor = new("", 0);

    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                var changed = feed.Next;
                if (!await CopyPageAsync(cancellation))
                {
                    await changed.WaitAsync(cancellation);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Told to stop.
        }
    }

    /// <summary>False when everything was copied.</summary>
    async Task<bool> CopyPageAsync(CancellationToken cancellation)
    {
        var copied = history.Committed(Cursor)?.Seq ?? 0;
        var rows = await state.ReadAsync(context => context.Anomalies.Where(row => row.Id > (long)copied)
            .OrderBy(row => row.Id).Take(Page).ToListAsync(cancellation), cancellation);
        if (rows.Count == 0)
        {
            return false;
        }
        var items = rows.Select(row => HistoryItems.Of(Anomaly.Parser.ParseFrom(row.Data), row.ReceivedUnixNs)).ToList();
        try
        {
            await await history.AppendAsync(new HistoryBatch(Cursor, copied + 1, (ulong)rows[^1].Id, items), cancellation);
        }
        catch (HistoryException e)
        {
            diagnostics.HistoryFailed(e.Message);
            await Task.Delay(Retry, cancellation);
        }
        return true;
    }
}
