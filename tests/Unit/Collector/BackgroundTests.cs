using Grpc.Health.V1;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>What runs in the background meets stores that really refuse.</summary>
public sealed class BackgroundTests
{
    static async Task<HealthCheckResponse.Types.ServingStatus> HealthAsync(CollectorFixture collector) =>
        (await new Health.HealthClient(collector.People()).CheckAsync(new HealthCheckRequest())).Status;

    static Task<int> SqlAsync(CollectorFixture collector, string sql) => collector.Server.Parts.State.WriteAsync(
        db => db.Database.ExecuteSqlRawAsync(sql), CancellationToken.None);

    [Fact]
    public async Task A_day_that_cannot_be_created_makes_the_collector_unhealthy_until_it_can_and_loses_no_anomaly()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        var tomorrow = time.GetUtcNow().AddDays(1);
        // A directory where the file of the next day should be.
        var blocked = Path.Combine(collector.Data.History, $"seg_{tomorrow:yyyyMMdd}.duckdb");
        Directory.CreateDirectory(blocked);
        time.Advance(TimeSpan.FromDays(1));
        await collector.Server.Parts.State.WriteAsync(db => db.BearerTokens.ExecuteUpdateAsync(
            set => set.SetProperty(row => row.ExpiresUnixNs, long.MaxValue)), CancellationToken.None);
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);

        await stream.SendAsync(1, CollectorItems.Anomaly(timeNs: CollectorItems.NowNs));
        await stream.AckedAsync(Lane.Anomalies, 1);
        await Eventually.HoldsAsync("health is bad", async () => await HealthAsync(collector) == HealthCheckResponse.Types.ServingStatus.NotServing);
        Directory.Delete(blocked);
        await Eventually.HoldsAsync("health is good", async () => await HealthAsync(collector) == HealthCheckResponse.Types.ServingStatus.Serving);

        await collector.AskUntilAsync(new HistoryQuery { Kinds = { "anomaly" }, FromUnixNs = 1 }, rows => rows.Count == 1);
        Assert.True(collector.Server.Parts.Diagnostics.PartsFailed.WithLabels("copying anomalies to history").Value >= 1);
    }

    [Fact]
    public async Task A_state_store_that_fails_under_the_pump_is_tried_again_and_the_collector_still_stops_in_good_order()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var agent = await collector.EnrolAsync("node-a");
        await using (var stream = await agent.ConnectAsync(spool: 1))
        {
            await stream.SendAsync(1, CollectorItems.Anomaly());
            await stream.AckedAsync(Lane.Anomalies, 1);
        }
        await collector.AskUntilAsync(new HistoryQuery { Kinds = { "anomaly" } }, rows => rows.Count == 1);
        await SqlAsync(collector, "ALTER TABLE anomalies RENAME TO elsewhere");
        collector.Server.Parts.Feed.Changed();
        await Eventually.HoldsAsync("a part fails", () => collector.Server.Parts.Health.Failing.Count > 0);

        // The lock of the data directory is free again only when everything was closed.
        await collector.StopServerAsync();
        await collector.StartServerAsync();
        await Eventually.HoldsAsync("health is bad", async () => await HealthAsync(collector) == HealthCheckResponse.Types.ServingStatus.NotServing);
        await SqlAsync(collector, "ALTER TABLE elsewhere RENAME TO anomalies");
        await Eventually.HoldsAsync("health is good", async () => await HealthAsync(collector) == HealthCheckResponse.Types.ServingStatus.Serving);

        await using var again = await agent.ConnectAsync(spool: 1);
        await again.SendAsync(2, CollectorItems.Anomaly());
        await again.AckedAsync(Lane.Anomalies, 2);
        await collector.AskUntilAsync(new HistoryQuery { Kinds = { "anomaly" } }, rows => rows.Count == 2);
    }
}
