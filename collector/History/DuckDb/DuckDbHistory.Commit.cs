using System.Diagnostics;
using DuckDB.NET.Data;
using RuntimeGuard.Collector.Gateway;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>Committing: a group of batches is one transaction with the marks of their lanes. The writer's alone.</summary>
sealed partial class DuckDbHistory
{
    /// <summary>One durable transaction for the whole group. Batches that cannot follow fail alone.</summary>
    void Commit(List<Append> group)
    {
        var started = Stopwatch.GetTimestamp();
        var now = _time.UnixNs();
        var pending = new Dictionary<LaneKey, LaneMark>();
        var writes = new List<(Append Append, int Repeats)>();
        foreach (var append in group)
        {
            if (Place(append, pending) is { } repeats)
            {
                writes.Add((append, repeats));
            }
        }
        try
        {
            if (writes.Count > 0)
            {
                Store(writes, pending, now);
            }
        }
        catch (Exception e)
        {
            // Whatever it was: those who wait are told, and the writer goes on with the next group.
            _failure = e.Message;
            _diagnostics.HistoryFailed(e.Message);
            var failure = new HistoryException($"history cannot commit: {e.Message}; check the collector's disk", e);
            writes.ForEach(write => write.Append.Done.TrySetException(failure));
            return;
        }
        _failure = null;
        _diagnostics.CommitSeconds.WithLabels("records").Observe(Stopwatch.GetElapsedTime(started).TotalSeconds);
        foreach (var (key, mark) in pending)
        {
            _watermarks.Committed(key, mark, now);
        }
        foreach (var (append, repeats) in writes)
        {
            _diagnostics.ItemsCommitted.WithLabels("records").Inc(append.Batch.Items.Count - repeats);
            _diagnostics.ItemsRepeated.WithLabels("records").Inc(repeats);
            append.Done.TrySetResult(pending[append.Batch.Key].Seq);
        }
    }

    int? Place(Append append, Dictionary<LaneKey, LaneMark> pending)
    {
        var batch = append.Batch;
        var committed = pending.TryGetValue(batch.Key, out var inGroup) ? inGroup : _watermarks.Committed(batch.Key);
        try
        {
            var repeats = LaneSequence.Repeats(committed, batch.FirstSeq, (int)Math.Min(int.MaxValue, batch.LastSeq - batch.FirstSeq + 1));
            // What goes on from a mark, or beyond an inexact one, is the last word again.
            pending[batch.Key] = committed is { } mark && mark.Seq >= batch.LastSeq ? mark : new LaneMark(batch.LastSeq, Exact: true);
            return Math.Min(repeats, batch.Items.Count);
        }
        catch (LaneSequenceException e)
        {
            _diagnostics.SequenceHoles.WithLabels("records").Inc(e.IsHole ? 1 : 0);
            append.Done.TrySetException(e);
            return null;
        }
    }

    void Store(List<(Append Append, int Repeats)> writes, Dictionary<LaneKey, LaneMark> pending, long now)
    {
        var segment = _segments.Current(_connection, Segment.DayOf(now));
        IReadOnlyCollection<LaneKey> forgotten;
        _connection.Execute("BEGIN TRANSACTION");
        try
        {
            if (!segment.HasMarks)
            {
                _watermarks.CopyInto(_connection, segment, now - _age.ToNs());
            }
            var bounds = HistoryAppender.Append(_connection, segment, Rows(writes));
            forgotten = _watermarks.Surplus(pending.Keys);
            foreach (var key in forgotten)
            {
                Watermarks.Forget(_connection, segment, key);
            }
            foreach (var (key, mark) in pending)
            {
                Watermarks.Write(_connection, segment, key, mark, now);
            }
            _connection.Execute("COMMIT");
            segment.HasMarks = true;
            _segments.Widen(segment, bounds.First, bounds.Last, bounds.NextId);
        }
        catch (Exception e)
        {
            try
            {
                _connection.Execute("ROLLBACK");
            }
            catch (DuckDBException undo)
            {
                // DuckDB has ended the transaction already; the first failure tells why.
                _diagnostics.HistoryFailed($"{e.Message}; and {undo.Message}");
            }
            throw;
        }
        _watermarks.Forget(forgotten);
        _diagnostics.SpoolsForgotten.WithLabels("records").Inc(forgotten.Count);
    }

    static IEnumerable<HistoryItem> Rows(List<(Append Append, int Repeats)> writes) =>
        from write in writes
        from item in write.Append.Batch.Items.Skip(write.Repeats)
        where item is not null
        select item;
}
