using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>kill -9 of either side loses nothing that was shown and shows nothing twice.</summary>
[Collection(nameof(LearnedShop))]
[Trait("Category", "EndToEnd")]
public sealed class KillTests(LearnedShop shop)
{
    [Fact]
    public async Task Killing_agent_and_collector_loses_nothing_shown_and_duplicates_nothing()
    {
        var run = $"run{Guid.NewGuid():N}";
        await ActAsync(run, 0, 5);
        await ShownAsync(run, 0, 5);

        await shop.Product.KillAgentAsync(LearnedShop.Node);
        await shop.Product.StartAgentAsync(LearnedShop.Node);
        await shop.Product.WatchesAsync(LearnedShop.Node, shop.Replica.Id);
        await ActAsync(run, 5, 10);

        await shop.Product.KillCollectorAsync();
        await ActAsync(run, 10, 15);
        await Eventually.HoldsAsync("the last act is in the agent's spool", () =>
            Task.FromResult(shop.Product.HasSpooled(LearnedShop.Node, $"{run}-14-")));
        await shop.Product.KillAgentAsync(LearnedShop.Node);
        shop.Product.StartCollector();
        await shop.Product.StartAgentAsync(LearnedShop.Node);
        await shop.Product.AnswersAsync();
        await shop.Product.WatchesAsync(LearnedShop.Node, shop.Replica.Id);
        await ActAsync(run, 15, 20);

        await ShownAsync(run, 0, 20);
        var all = await shop.Alerts.ReadAsync();
        Assert.Equal(all.Count, all.Select(a => a.Identity).Distinct().Count());
        for (var i = 0; i < 20; i++)
            Assert.Single(all, a => IsAct(a, run, i));
        await Eventually.HoldsAsync("the gap of the killed agent is shown", async () =>
            (await shop.Product.AskAsync("nodes", "show", LearnedShop.Node)).GetProperty("gaps").EnumerateArray()
                .Any(g => g.GetProperty("blind").GetBoolean()));
    }

    async Task ActAsync(string run, int from, int to)
    {
        for (var i = from; i < to; i++)
            await LearnedShop.NoveltyAsync(shop.Replica, $"/etc/cron.d/{run}-{i}-");
    }

    Task ShownAsync(string run, int from, int to) => Eventually.HoldsAsync($"acts {from} to {to} of {run} are shown\n{shop.Product.Logs()}", async () =>
    {
        var all = await shop.Alerts.ReadAsync();
        return Enumerable.Range(from, to - from).All(i => all.Any(a => IsAct(a, run, i)));
    });

    static bool IsAct(ShownAnomaly anomaly, string run, int number) =>
        anomaly["rule"] == "cron" && anomaly["subject"] == $"/etc/cron.d/{run}-{number}-";
}
