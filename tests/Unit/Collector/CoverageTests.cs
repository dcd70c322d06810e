using CsCheck;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class CoverageTests
{
    const long Second = 1_000_000_000;

    static Record Watched(long from, long to, params Loss[] losses) => new()
    {
        Coverage = new Coverage { FromUnixNs = from, ToUnixNs = to, Sensor = "ebpf", Losses = { losses } },
    };

    static Loss Lost(ulong count, string cause = "ring_full") => new() { Cause = cause, EventClass = "exec", Count = count };

    static async Task<CollectorFixture> EnrolledLongAgoAsync()
    {
        var collector = await CollectorFixture.StartAsync();
        foreach (var node in new[] { "node-a", "node-b" })
        {
            await collector.EnrolAsync(node);
        }
        await collector.Server.Parts.State.WriteAsync(db => db.Nodes.ExecuteUpdateAsync(
            set => set.SetProperty(row => row.EnrolledUnixNs, 1_600_000_000 * Second)), CancellationToken.None);
        return collector;
    }

    static async Task StoreAsync(CollectorFixture collector, string node, IEnumerable<Record> records)
    {
        var parts = collector.Server.Parts;
        var key = new RuntimeGuard.Collector.Gateway.LaneKey(node, 1);
        var seq = 1ul;
        foreach (var chunk in records.Chunk(10_000))
        {
            var items = chunk.Select(record => parts.HistoryItems.Of(node, record, CollectorItems.NowNs)).ToList();
            await await parts.History.AppendAsync(
                new HistoryBatch(key, seq, seq + (ulong)items.Count - 1, items), CancellationToken.None);
            seq += (ulong)items.Count;
        }
    }

    [Fact]
    public async Task Every_row_of_a_long_range_counts()
    {
        const int rows = 45_000;
        await using var collector = await EnrolledLongAgoAsync();
        collector.Server.Parts.Nodes.Connect("node-a", "", new Hello(), _ => { });
        var to = CollectorItems.NowNs - Second;
        var from = to - rows * 10 * Second;
        // The oldest loses, the middle one is missing.
        await StoreAsync(collector, "node-a", Enumerable.Range(0, rows).Where(i => i != rows / 2).Select(i =>
            Watched(from + i * 10 * Second, from + (i + 1) * 10 * Second, i == 0 ? [Lost(7)] : [])));

        var (_, end) = await collector.AskAsync(new HistoryQuery { FromUnixNs = from, ToUnixNs = to, Node = "node-a" });

        var node = Assert.Single(end.Coverage.Nodes);
        Assert.Equal((rows - 1) * 10 * Second, node.WatchedNs + node.BlindNs);
        Assert.Equal(10 * Second, node.UnknownNs);
        Assert.Equal(7ul, Assert.Single(node.Losses).Count);
        Assert.DoesNotContain(end.Coverage.Warnings, warning => warning.Contains("rows", StringComparison.Ordinal));
    }

    /// <summary>The minute that runs is not written down yet: the node that beats is watching.</summary>
    [Fact]
    public async Task A_connected_node_watches_up_to_its_last_heartbeat()
    {
        await using var collector = await EnrolledLongAgoAsync();
        var now = CollectorItems.NowNs;
        await StoreAsync(collector, "node-a", [Watched(now - 100 * Second, now - 40 * Second)]);
        var live = collector.Server.Parts.Nodes.Connect("node-a", "", new Hello { StartedUnixNs = now - 3600 * Second }, _ => { });
        live.Heard(now);

        var (_, end) = await collector.AskAsync(new HistoryQuery { FromUnixNs = now - 100 * Second, ToUnixNs = now, Node = "node-a" });
        Assert.Equal((100 * Second, 0L), (end.Coverage.Nodes[0].WatchedNs, end.Coverage.Nodes[0].UnknownNs));

        // What nobody reported for longer is not made up from a heartbeat.
        (_, end) = await collector.AskAsync(new HistoryQuery { FromUnixNs = now - 400 * Second, ToUnixNs = now, Node = "node-a" });
        Assert.Equal(300 * Second, end.Coverage.Nodes[0].UnknownNs);
    }

    [Fact]
    public async Task Each_node_of_a_list_tells_what_it_lost_in_the_last_day_and_no_other()
    {
        await using var collector = await EnrolledLongAgoAsync();
        var now = CollectorItems.NowNs;
        await StoreAsync(collector, "node-a", [
            Watched(now - 3 * 86_400 * Second, now - 2 * 86_400 * Second, Lost(1000)),
            Watched(now - 120 * Second, now - 60 * Second, Lost(40)),
            Watched(now - 60 * Second, now, Lost(2), Lost(3, "spool_overflow"))]);

        var nodes = await new Nodes.NodesClient(collector.Admin()).ListAsync(new ListNodesRequest());

        Assert.Equal(["node-a", "node-b"], nodes.Nodes.Select(node => node.Node));
        Assert.Equal([42ul, 3ul], nodes.Nodes[0].Losses.Select(loss => loss.Count));
        Assert.Empty(nodes.Nodes[1].Losses);
        Assert.Equal(nodes.Nodes[0].Losses, (await new Nodes.NodesClient(collector.Admin()).GetAsync(new GetNodeRequest { Node = "node-a" })).Losses);
    }

    [Fact]
    public async Task The_gaps_told_are_the_newest_and_short()
    {
        await using var collector = await EnrolledLongAgoAsync();
        var now = CollectorItems.NowNs;
        await StoreAsync(collector, "node-a", Enumerable.Range(1, 50).Reverse().Select(i => new Record
        {
            Coverage = new Coverage
            {
                FromUnixNs = now - i * 60 * Second,
                ToUnixNs = now - i * 60 * Second + Second,
                Sensor = "agent",
                Blind = true,
                Reason = new string('r', 10_000),
            },
        }));

        var (_, end) = await collector.AskAsync(new HistoryQuery { FromUnixNs = now - 3600 * Second, ToUnixNs = now, Node = "node-a" });

        var gaps = Assert.Single(end.Coverage.Nodes).Gaps.Where(gap => gap.Reason != "silent").ToList();
        Assert.InRange(gaps.Count, 19, 20);
        Assert.Equal(now - 60 * Second, gaps[^1].FromUnixNs);
        Assert.All(gaps, gap => Assert.True(gap.Blind && gap.Reason.Length == 240));
    }

    [Fact]
    public void A_set_of_spans_covers_what_any_of_them_covers() =>
        Gen.Select(Gen.Int[0, 60], Gen.Int[0, 9]).Array[0, 30].Sample(pairs =>
        {
            var set = new SpanSet();
            var covered = new bool[80];
            foreach (var (from, length) in pairs)
            {
                set.Add(from, from + length);
                Array.Fill(covered, true, from, length);
            }
            var runs = Enumerable.Range(0, covered.Length).Count(i => covered[i] && (i == 0 || !covered[i - 1]));
            Assert.Equal(covered.Count(one => one), set.Within(0, 80));
            Assert.Equal(covered.Skip(5).Take(20).Count(one => one), set.Within(5, 25));
            Assert.Equal(runs, set.Count);
        });
}
