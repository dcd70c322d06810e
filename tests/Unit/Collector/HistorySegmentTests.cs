using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using RuntimeGuard.Collector;
using RuntimeGuard.Collector.Gateway;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Collector.History.DuckDb;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class HistorySegmentTests : IDisposable
{
    static readonly LaneKey Key = new("node-a", ulong.MaxValue);
    readonly string _directory = Directory.CreateTempSubdirectory("rg-history-").FullName;
    readonly Clock _clock = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }

    DuckDbHistory Open() =>
        DuckDbHistory.Open(_directory, TimeSpan.FromDays(14), new CollectorDiagnostics(NullLogger.Instance), _clock);

    HistoryItem Item(int pid) => new()
    {
        Kind = HistoryKind.Exec,
        TimeUnixNs = _clock.UnixNs(),
        LastUnixNs = _clock.UnixNs(),
        ReceivedUnixNs = _clock.UnixNs(),
        Node = "node-a",
        Container = CollectorItems.Container(),
        Process = CollectorItems.Process(pid, "/bin/x", "x", "--flag"),
    };

    async Task<ulong> AppendAsync(DuckDbHistory history, ulong first, int count) =>
        await await history.AppendAsync(new HistoryBatch(Key, first, first + (ulong)count - 1,
            [.. Enumerable.Range((int)first, count).Select(Item)]), CancellationToken.None);

    static Task<HistoryPage> AllAsync(DuckDbHistory history) => history.QueryAsync(new HistoryFilter
    {
        FromUnixNs = 0,
        ToUnixNs = long.MaxValue,
        Kinds = [HistoryKind.Exec],
        Limit = 1000,
    }, CancellationToken.None);

    [Fact]
    public async Task A_new_day_is_a_new_file_that_knows_what_was_acked_when_the_old_ones_are_gone()
    {
        await using (var history = Open())
        {
            await AppendAsync(history, 1, 3);
            _clock.Now += TimeSpan.FromDays(1);
            await AppendAsync(history, 4, 2);
            await history.EnforceAsync(TimeSpan.FromDays(14), long.MaxValue, CancellationToken.None);
            Assert.Equal(5, (await AllAsync(history)).Rows.Count);
        }
        Assert.Equal(["seg_20260301.duckdb", "seg_20260302.duckdb"],
            Directory.GetFiles(_directory, "seg_*").Select(path => Path.GetFileName(path)).Order());
        await using (var history = Open())
        {
            Assert.Equal(5ul, history.Committed(Key)?.Seq);
            _clock.Now += TimeSpan.FromDays(1);
            await await history.AppendAsync(
                new HistoryBatch(new LaneKey("node-b", 1), 1, 1, [Item(1)]), CancellationToken.None);
            var report = await history.EnforceAsync(TimeSpan.FromHours(1), long.MaxValue, CancellationToken.None);
            Assert.Equal(2, report.SegmentsRemoved);
        }
        await using (var history = Open())
        {
            Assert.Equal(new LaneMark(5, Exact: true), history.Committed(Key));
            await Assert.ThrowsAsync<LaneSequenceException>(() => AppendAsync(history, 7, 1));
            Assert.Equal(6ul, await AppendAsync(history, 5, 2));
            Assert.Equal(2, (await AllAsync(history)).Rows.Count);
        }
    }

    [Fact]
    public async Task A_lost_day_leaves_a_floor_below_which_nothing_is_stored_again_over_any_number_of_restarts()
    {
        await using (var history = Open())
        {
            await AppendAsync(history, 1, 3);
            _clock.Now += TimeSpan.FromDays(1);
            await AppendAsync(history, 4, 2);
        }
        await File.WriteAllTextAsync(Path.Combine(_directory, "seg_20260302.duckdb"), "this is no database");
        for (var restart = 1; restart <= 3; restart++)
        {
            await using var history = Open();
            Assert.Equal(new LaneMark(3, Exact: false), history.Committed(Key));
            Assert.Equal(3ul, await AppendAsync(history, 1, 3));
            Assert.Equal(3, (await AllAsync(history)).Rows.Count);
        }
        await using (var history = Open())
        {
            // What the lost day held stays a hole; from here on there is none.
            Assert.Equal(7ul, await AppendAsync(history, 6, 2));
        }
        await using (var history = Open())
        {
            Assert.Equal(new LaneMark(7, Exact: true), history.Committed(Key));
            await Assert.ThrowsAsync<LaneSequenceException>(() => AppendAsync(history, 9, 1));
            Assert.Equal(8ul, await AppendAsync(history, 6, 3));
            Assert.Equal([1, 2, 3, 6, 7, 8], (await AllAsync(history)).Rows.Select(row => row.Process.Pid).Order());
        }
    }

    [Fact]
    public async Task A_batch_that_cannot_be_written_fails_alone_and_the_new_day_still_learns_what_was_acked_before()
    {
        await using (var history = Open())
        {
            await AppendAsync(history, 1, 3);
            _clock.Now += TimeSpan.FromDays(1);
            var other = new LaneKey("node-b", 1);
            var broken = Item(1) with { Container = null! };
            await Assert.ThrowsAsync<HistoryException>(async () => await await history.AppendAsync(
                new HistoryBatch(other, 1, 1, [broken]), CancellationToken.None));
            Assert.NotNull(history.Health.Failure);

            Assert.Equal(1ul, await await history.AppendAsync(new HistoryBatch(other, 1, 1, [Item(1)]), CancellationToken.None));
            Assert.Null(history.Health.Failure);
            Assert.Equal(1, (await history.EnforceAsync(TimeSpan.FromHours(1), long.MaxValue, CancellationToken.None)).SegmentsRemoved);
        }
        await using (var history = Open())
        {
            Assert.Equal(new LaneMark(3, Exact: true), history.Committed(Key));
            Assert.Single((await AllAsync(history)).Rows);
        }
    }

    [Fact]
    public async Task Of_the_spools_of_one_node_the_latest_are_remembered_over_a_restart_too()
    {
        var diagnostics = new CollectorDiagnostics(NullLogger.Instance);
        var other = new LaneKey("node-b", 1);
        await using (var history = DuckDbHistory.Open(_directory, TimeSpan.FromDays(14), diagnostics, _clock))
        {
            await await history.AppendAsync(new HistoryBatch(other, 1, 1, [Item(1)]), CancellationToken.None);
            for (var spool = 1ul; spool <= 34; spool++)
            {
                _clock.Now += TimeSpan.FromSeconds(1);
                await await history.AppendAsync(new HistoryBatch(new LaneKey("node-a", spool), 1, 1, [Item(1)]), CancellationToken.None);
            }
            await Assert.ThrowsAsync<LaneSequenceException>(async () => await await history.AppendAsync(
                new HistoryBatch(other, 5, 5, [Item(1)]), CancellationToken.None));
        }
        Assert.Equal(2, diagnostics.SpoolsForgotten.WithLabels("records").Value);
        Assert.Equal(1, diagnostics.SequenceHoles.WithLabels("records").Value);
        await using (var history = Open())
        {
            Assert.Null(history.Committed(new LaneKey("node-a", 2)));
            Assert.Equal(1ul, history.Committed(new LaneKey("node-a", 3))?.Seq);
            Assert.Equal(1ul, history.Committed(other)?.Seq);
        }
    }

    [Fact]
    public async Task Batches_queued_together_commit_together_and_fast()
    {
        await using var history = Open();
        var started = Stopwatch.GetTimestamp();
        var commits = new List<Task<ulong>>();
        const int batches = 100;
        const int items = 500;
        for (var i = 0; i < batches; i++)
        {
            var first = (ulong)(i * items) + 1;
            commits.Add(await history.AppendAsync(new HistoryBatch(Key, first, first + items - 1,
                [.. Enumerable.Range((int)first, items).Select(Item)]), CancellationToken.None));
        }
        await Task.WhenAll(commits);
        var rate = batches * items / Stopwatch.GetElapsedTime(started).TotalSeconds;
        TestContext.Current.TestOutputHelper?.WriteLine($"{rate:0} rows/s, {history.Health.Bytes} bytes");
        Assert.Equal((ulong)(batches * items), history.Committed(Key)?.Seq);
        Assert.True(rate > 1000, $"{rate:0} rows/s");
    }
}
