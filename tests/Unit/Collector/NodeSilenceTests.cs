using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class NodeSilenceTests
{
    [Fact]
    public async Task A_node_that_misses_its_heartbeats_is_shown_silent_and_its_time_blind_until_it_speaks()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        var nodes = new Nodes.NodesClient(collector.Admin());
        async Task<string> StateAsync() => (await nodes.GetAsync(new GetNodeRequest { Node = "node-a" })).State;

        Assert.Equal("connected", await StateAsync());
        time.Advance(TimeSpan.FromSeconds(14));
        Assert.Equal("connected", await StateAsync());
        time.Advance(TimeSpan.FromSeconds(106));
        Assert.Equal("silent", await StateAsync());
        var now = time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
        var (_, end) = await collector.AskAsync(new HistoryQuery { FromUnixNs = now - 3_600_000_000_000, ToUnixNs = now });
        var coverage = Assert.Single(end.Coverage.Nodes);
        Assert.InRange(coverage.BlindNs, 119_000_000_000, 120_000_000_000);
        Assert.Contains(end.Coverage.Warnings, warning => warning.StartsWith("node-a is silent since", StringComparison.Ordinal));

        await stream.SendAsync(new FromAgent { Heartbeat = new Heartbeat() });
        await stream.SendAsync(1, CollectorItems.Anomaly());
        await stream.AckedAsync(Lane.Anomalies, 1);
        Assert.Equal("connected", await StateAsync());
        // Nobody reported that time, and nobody is silent now: it is unknown.
        (_, end) = await collector.AskAsync(new HistoryQuery { FromUnixNs = now - 60_000_000_000, ToUnixNs = now });
        coverage = Assert.Single(end.Coverage.Nodes);
        Assert.Equal((0L, 0L, 60_000_000_000L), (coverage.WatchedNs, coverage.BlindNs, coverage.UnknownNs));
    }
}
