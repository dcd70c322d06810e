using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Collector.Gateway;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>
/// Copies anomalies from the state store into history by cursor: the history's own watermark of the ids copied. A kill
/// between the two stores loses nothing and copies nothing twice; what the newest day held is copied again when that day
/// is damaged.
/// </summary>
sealed class AnomalyPump(StateStore state, IHistoryStore history, AlertFeed feed)
{
    const int Page = 500;
    /// <summary>No node's name is empty.</summary>
    static readonly LaneKey Cursor = new("", 0);

    Task _changed = Task.CompletedTask;

    /// <summary>Waits for anomalies that were not there at the last step.</summary>
    public Task WaitAsync(CancellationToken cancellation) => _changed.WaitAsync(cancellation);

    /// <summary>Copies what there is. Whatever a store throws, nothing is lost: the next step begins where this one ended.</summary>
    public async Task StepAsync(CancellationToken cancellation)
    {
        _changed = Task.CompletedTask;
        var changed = feed.Next;
        while (await CopyPageAsync(cancellation))
        {
        }
        _changed = changed;
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
        var commit = await history.AppendAsync(new HistoryBatch(Cursor, copied + 1, (ulong)rows[^1].Id, items), cancellation);
        await commit.WaitAsync(cancellation);
        return true;
    }
}
