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
    volatile string? _failure;

    DuckDbHistory(string directory, TimeSpan age, CollectorDiagnostics diagnostics, TimeProvider time)
    {
        (_age, _diagnostics, _time) = (age, diagnostics, time);
        _segments = new SegmentSet(directory, diagnostics);
        _connection.Open();
        _connection.Execute("SET memory_limit='512MB'; SET threads=2; SET checkpoint_threshold='64MB'");
        _segments.Open(_connection, Segment.DayOf(time.UnixNs()));
        foreach (var segment in _segments.All)
        {
            _watermarks.Load(_connection, segment, exact: _segments.KnowsLast(segment));
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

    public StoreHealth Health => new(_segments.Bytes, _segments.Warnings, _failure);

    public LaneMark? Committed(LaneKey key) => _watermarks.Committed(key);

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

    /// <summary>What is queued is committed, then every day is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        try
        {
            await _writer;
        }
        finally
        {
            await _turn.WaitAsync();
            try
            {
                _segments.Close(_connection);
            }
            finally
            {
                _connection.Dispose();
                _turn.Dispose();
                _queries.Dispose();
            }
        }
    }

    sealed class Append(HistoryBatch batch)
    {
        public HistoryBatch Batch => batch;

        public TaskCompletionSource<ulong> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
