using System.Diagnostics;
using System.Threading.Channels;
using DuckDB.NET.Data;
using RuntimeGuard.Collector.Gateway;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>
/// The embedded history: one DuckDB file per receive day, attached to one in-memory root; one writer with group
/// commit, readers on connections of their own.
/// </summary>
sealed partial class DuckDbHistory : IHistoryStore
{
    // Exactly this: with a name after ':memory:' DuckDB silently makes a file of it in the working directory.
    const string Root = "Data Source=:memory:?cache=shared";
    const int GroupRows = 5000;
    static readonly TimeSpan GroupTime = TimeSpan.FromMilliseconds(200);

    readonly CollectorDiagnostics _diagnostics;
    readonly TimeProvider _time;
    readonly TimeSpan _age;
    readonly SegmentSet _segments;
    readonly Watermarks _watermarks = new();
    readonly DuckDBConnection _connection = new(Root);
    /// <summary>Whoever holds it may use <see cref="_connection"/>.</summary>
    readonly SemaphoreSlim _turn = new(1, 1);
    // Waits when full: the agents' streams wait behind it. 64 batches of at most 4 MB.
    readonly Channel<Append> _queue = Channel.CreateBounded<Append>(new BoundedChannelOptions(64) { SingleReader = true });
    readonly Task _writer;

    DuckDbHistory(string directory, TimeSpan age, CollectorDiagnostics diagnostics, TimeProvider time)
    {
        (_age, _diagnostics, _time) = (age, diagnostics, time);
        _segments = new SegmentSet(directory, diagnostics);
        _connection.Open();
        _connection.Execute("SET memory_limit='512MB'; SET threads=2; SET checkpoint_threshold='64MB'");
        _segments.Open(_connection, Segment.DayOf(time.UnixNs()));
        foreach (var segment in _segments.All)
        {
            _watermarks.Load(_connection, segment, exact: segment.Day > _segments.NewestQuarantined);
        }
        _writer = Task.Run(WriteAsync);
    }

    public static DuckDbHistory Open(string directory, TimeSpan age, CollectorDiagnostics diagnostics, TimeProvider time)
    {
        try
        {
            return new DuckDbHistory(directory, age, diagnostics, time);
        }
        catch (Exception e) when (e is DuckDBException or IOException or UnauthorizedAccessException)
        {
            throw new CollectorException($"cannot open the history in {directory}: {e.Message}; check disk space and owner", e);
        }
    }

    public StoreHealth Health => new(_segments.Bytes, _segments.Warnings);

    public ulong? Committed(LaneKey key) => _watermarks.Committed(key);

    public async ValueTask<Task<ulong>> AppendAsync(HistoryBatch batch, CancellationToken cancellation)
    {
        var append = new Append(batch);
        await _queue.Writer.WriteAsync(append, cancellation);
        return append.Done.Task;
    }

    public async Task<RetentionReport> EnforceAsync(TimeSpan age, long bytes, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            var now = _time.UnixNs();
            _segments.Seal(_connection, Segment.DayOf(now));
            return _segments.Remove(_connection, Segment.DayOf(now - age.ToNs()), bytes);
        }
        finally
        {
            _turn.Release();
        }
    }

    async Task WriteAsync()
    {
        var group = new List<Append>();
        while (await _queue.Reader.WaitToReadAsync())
        {
            await GatherAsync(group);
            await _turn.WaitAsync();
            try
            {
                Commit(group);
            }
            finally
            {
                _turn.Release();
                group.Clear();
            }
        }
    }

    /// <summary>Takes batches until the group is full, its time is over, or the queue is closed.</summary>
    async Task GatherAsync(List<Append> group)
    {
        var rows = 0;
        using var over = new CancellationTokenSource(GroupTime);
        while (rows < GroupRows)
        {
            if (_queue.Reader.TryRead(out var append))
            {
                group.Add(append);
                rows += append.Batch.Items.Count;
                continue;
            }
            try
            {
                if (!await _queue.Reader.WaitToReadAsync(over.Token))
                {
                    return;
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>One durable transaction for the whole group. Batches that cannot follow fail alone.</summary>
    void Commit(List<Append> group)
    {
        var started = Stopwatch.GetTimestamp();
        var now = _time.UnixNs();
        var pending = new Dictionary<LaneKey, ulong>();
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
        catch (Exception e) when (e is DuckDBException or IOException)
        {
            _diagnostics.HistoryFailed(e.Message);
            var failure = new HistoryException($"history cannot commit: {e.Message}; check the collector's disk", e);
            writes.ForEach(write => write.Append.Done.TrySetException(failure));
            return;
        }
        _diagnostics.CommitSeconds.WithLabels("records").Observe(Stopwatch.GetElapsedTime(started).TotalSeconds);
        foreach (var (key, seq) in pending)
        {
            _watermarks.Committed(key, seq, now);
        }
        foreach (var (append, repeats) in writes)
        {
            _diagnostics.ItemsCommitted.WithLabels("records").Inc(append.Batch.Items.Count - repeats);
            _diagnostics.ItemsRepeated.WithLabels("records").Inc(repeats);
            append.Done.TrySetResult(pending[append.Batch.Key]);
        }
    }

    int? Place(Append append, Dictionary<LaneKey, ulong> pending)
    {
        var batch = append.Batch;
        var committed = pending.TryGetValue(batch.Key, out var inGroup) ? inGroup : _watermarks.Committed(batch.Key);
        try
        {
            var repeats = LaneSequence.Repeats(committed, batch.FirstSeq, (int)Math.Min(int.MaxValue, batch.LastSeq - batch.FirstSeq + 1));
            pending[batch.Key] = Math.Max(committed ?? 0, batch.LastSeq);
            return Math.Min(repeats, batch.Items.Count);
        }
        catch (LaneSequenceException e)
        {
            append.Done.TrySetException(e);
            return null;
        }
    }

    void Store(List<(Append Append, int Repeats)> writes, Dictionary<LaneKey, ulong> pending, long now)
    {
        var isNew = _segments.Current(_connection, Segment.DayOf(now), out var segment);
        _connection.Execute("BEGIN TRANSACTION");
        try
        {
            if (isNew)
            {
                _watermarks.CopyInto(_connection, segment, now - _age.ToNs());
            }
            var bounds = HistoryAppender.Append(_connection, segment, Rows(writes));
            foreach (var (key, seq) in pending)
            {
                Watermarks.Write(_connection, segment, key, seq, now);
            }
            _connection.Execute("COMMIT");
            _segments.Widen(segment, bounds.First, bounds.Last, bounds.NextId);
        }
        catch (DuckDBException)
        {
            _connection.Execute("ROLLBACK");
            throw;
        }
    }

    static IEnumerable<HistoryItem> Rows(List<(Append Append, int Repeats)> writes) =>
        from write in writes
        from item in write.Append.Batch.Items.Skip(write.Repeats)
        where item is not null
        select item;

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writer;
        await _turn.WaitAsync();
        _segments.Close(_connection);
        _connection.Dispose();
        _turn.Dispose();
        _queries.Dispose();
    }

    sealed class Append(HistoryBatch batch)
    {
        public HistoryBatch Batch => batch;

        public TaskCompletionSource<ulong> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
