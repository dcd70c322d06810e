using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>
/// Commits batches of the anomalies lane at once: the anomalies, their fold into alerts and the lane's watermark are
/// one transaction. Thread-safe.
/// </summary>
sealed class AnomalyLane(StateStore state, AlertFeed feed, CollectorDiagnostics diagnostics, TimeProvider time)
{
    const string Label = "anomalies";

    /// <summary>Highest committed sequence number, 0 for a new spool.</summary>
    public Task<ulong> CommittedAsync(LaneKey key, CancellationToken cancellation) =>
        state.ReadAsync(async context =>
        {
            var spool = unchecked((long)key.SpoolId);
            return (ulong)await context.Watermarks
                .Where(row => row.Node == key.Node && row.SpoolId == spool && row.Lane == (int)Lane.Anomalies)
                .Select(row => row.Seq).FirstOrDefaultAsync(cancellation);
        }, cancellation);

    /// <summary>Returns the sequence number up to which everything is durable.</summary>
    /// <exception cref="LaneSequenceException">The batch leaves a hole.</exception>
    public async Task<ulong> CommitAsync(LaneKey key, Batch batch, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        var accepted = Accept(key.Node, batch);
        Result result;
        try
        {
            result = await state.WriteAsync(context => StoreAsync(context, key, batch, accepted, cancellation), cancellation);
        }
        catch (LaneSequenceException e)
        {
            diagnostics.SequenceHoles.WithLabels(Label).Inc(e.IsHole ? 1 : 0);
            throw;
        }
        diagnostics.CommitSeconds.WithLabels(Label).Observe(Stopwatch.GetElapsedTime(started).TotalSeconds);
        diagnostics.ItemsCommitted.WithLabels(Label).Inc(result.Stored);
        diagnostics.ItemsRepeated.WithLabels(Label).Inc(result.Repeats);
        diagnostics.AlertsOpened.Inc(result.Opened);
        if (result.Stored > 0)
        {
            feed.Changed();
        }
        return result.Committed;
    }

    /// <summary>What is too large is shortened; an item without identity becomes null: acknowledged and counted, so that it cannot jam its lane.</summary>
    Anomaly?[] Accept(string node, Batch batch)
    {
        var accepted = new Anomaly?[batch.Anomalies.Count];
        for (var i = 0; i < accepted.Length; i++)
        {
            var anomaly = batch.Anomalies[i];
            if (AnomalyCheck.Reason(anomaly, node) is { } reason)
            {
                diagnostics.ItemsRejected.WithLabels(Label, reason).Inc();
                continue;
            }
            anomaly.Node = node;
            if (ItemFit.Fit(anomaly))
            {
                diagnostics.ItemsShortened.WithLabels(Label).Inc();
            }
            accepted[i] = anomaly;
        }
        return accepted;
    }

    async Task<Result> StoreAsync(
        StateContext context, LaneKey key, Batch batch, Anomaly?[] accepted, CancellationToken cancellation)
    {
        var spool = unchecked((long)key.SpoolId);
        var now = time.UnixNs();
        var watermark = await context.Watermarks.FirstOrDefaultAsync(
            row => row.Node == key.Node && row.SpoolId == spool && row.Lane == (int)Lane.Anomalies, cancellation);
        var repeats = LaneSequence.Repeats(
            watermark is null ? null : new LaneMark((ulong)watermark.Seq, Exact: true), batch.FirstSeq, accepted.Length);
        if (repeats == accepted.Length)
        {
            return new Result((ulong)watermark!.Seq, 0, repeats, 0);
        }
        if (watermark is null)
        {
            await ForgetSpoolsAsync(context, key.Node, cancellation);
            watermark = new WatermarkRow { Node = key.Node, SpoolId = spool, Lane = (int)Lane.Anomalies };
            context.Watermarks.Add(watermark);
        }
        watermark.Seq = (long)batch.FirstSeq + accepted.Length - 1;
        watermark.UpdatedUnixNs = now;
        var fold = new AlertFold(context, await AlertRevisions.OfAsync(context, cancellation));
        var stored = 0;
        foreach (var anomaly in accepted.AsSpan(repeats).ToArray())
        {
            if (anomaly is not null)
            {
                await fold.AddAsync(anomaly, now, cancellation);
                stored++;
            }
        }
        return new Result((ulong)watermark.Seq, stored, repeats, fold.Opened);
    }

    /// <summary>Makes room for one more spool of the node: the longest unheard are forgotten.</summary>
    async Task ForgetSpoolsAsync(StateContext context, string node, CancellationToken cancellation)
    {
        var surplus = await context.Watermarks.Where(row => row.Node == node && row.Lane == (int)Lane.Anomalies)
            .OrderByDescending(row => row.UpdatedUnixNs).Skip(WireLimits.SpoolsPerNode - 1).ToListAsync(cancellation);
        context.Watermarks.RemoveRange(surplus);
        diagnostics.SpoolsForgotten.WithLabels(Label).Inc(surplus.Count);
    }

    readonly record struct Result(ulong Committed, int Stored, int Repeats, int Opened);
}
