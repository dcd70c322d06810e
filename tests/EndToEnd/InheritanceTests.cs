using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>A model outlives its containers, its agent and its collector, and none of their restarts alarms anybody.</summary>
[Collection(nameof(LearnedShop))]
[Trait("Category", "EndToEnd")]
public sealed class InheritanceTests(LearnedShop shop)
{
    [Fact]
    public async Task A_new_replica_and_a_restarted_container_inherit_the_model()
    {
        var port = ShopClient.FreePort();
        var pod = await shop.RunShopAsync("shop", port);
        await shop.Product.WatchesAsync(LearnedShop.Node, pod.Id);
        await LearnedShop.UseAsync(port);
        await AlarmsOnlyTheProbeAsync(pod);

        await pod.RestartAsync();
        await shop.Product.WatchesAsync(LearnedShop.Node, pod.Id);
        await LearnedShop.UseAsync(port);
        await AlarmsOnlyTheProbeAsync(pod);
        await pod.RemoveAsync();
    }

    [Fact]
    public async Task The_next_version_of_the_image_is_the_same_workload()
    {
        var port = ShopClient.FreePort();
        var pod = await shop.RunShopAsync("shop", port, TestImages.ShopNext);
        await shop.Product.WatchesAsync(LearnedShop.Node, pod.Id);
        await LearnedShop.UseAsync(port);

        Assert.Equal("2", (await AlarmsOnlyTheProbeAsync(pod))["tag"]);
        await pod.RemoveAsync();
    }

    [Fact]
    public async Task Another_namespace_learns_on_its_own()
    {
        var staging = await shop.Product.AskAsync("workloads", "show", $"staging/{TestImages.ShopRepository}");
        Assert.Equal("learning", staging.GetProperty("mode").GetString());

        await shop.Staging.ExecAsync("/bin/ls", "/tmp");
        await shop.JudgedUpToNowAsync(shop.Replica);

        Assert.Empty(await shop.AlertsOfAsync(shop.Staging));
    }

    [Fact]
    public async Task A_container_of_plain_containerd_is_a_workload_of_its_own()
    {
        var plain = await shop.Product.AskAsync("workloads", "show", $"{shop.Host.PlainNamespace}/{TestImages.ShopRepository}");

        Assert.Equal("learning", plain.GetProperty("mode").GetString());
        Assert.Contains(plain.GetProperty("containers").EnumerateArray(), c => c.GetProperty("container_id").GetString() == shop.Backend.Id);
    }

    [Fact]
    public async Task A_restarted_agent_knows_what_it_knew_and_says_when_it_was_blind()
    {
        var since = UnixNs();
        await shop.Product.StopAgentAsync(LearnedShop.Node);
        await LearnedShop.UseAsync(shop.ReplicaPort);
        await shop.Product.StartAgentAsync(LearnedShop.Node);
        await shop.Product.WatchesAsync(LearnedShop.Node, shop.Replica.Id);
        await LearnedShop.UseAsync(shop.ReplicaPort);

        await AlarmsOnlyTheProbeAsync(shop.Replica, since);
        await Eventually.HoldsAsync("the gap of the restart is shown", async () =>
            (await shop.Product.AskAsync("nodes", "show", LearnedShop.Node)).GetProperty("gaps").EnumerateArray()
                .Any(g => g.GetProperty("blind").GetBoolean() && g.GetProperty("to_unix_ns").GetInt64() > since));
    }

    [Fact]
    public async Task A_restarted_collector_has_its_models_and_alerts_and_gets_what_it_missed()
    {
        var since = UnixNs();
        var before = (await shop.Alerts.ReadAsync()).Select(a => a.Identity).ToHashSet();
        await shop.Product.StopCollectorAsync();
        await LearnedShop.UseAsync(shop.ReplicaPort);
        var missed = $"/etc/cron.d/missed-{Guid.NewGuid():N}";
        await LearnedShop.NoveltyAsync(shop.Replica, missed);
        shop.Product.StartCollector();
        await shop.Product.AnswersAsync();
        await shop.Product.WatchesAsync(LearnedShop.Node, shop.Replica.Id);

        await shop.Alerts.FindAsync("what happened while the collector was away", a =>
            a["container_id"] == shop.Replica.Id && a.Json.ToString().Contains(missed, StringComparison.Ordinal));
        Assert.Equal("locked_by_hand",
            (await shop.Product.AskAsync("workloads", "show", LearnedShop.Workload)).GetProperty("mode").GetString());
        await AlarmsOnlyTheProbeAsync(shop.Replica, since, missed);
        Assert.Subset((await shop.Alerts.ReadAsync()).Select(a => a.Identity).ToHashSet(), before);
    }

    [Fact]
    public async Task Another_node_inherits_the_model()
    {
        const string Second = "node-b";
        await shop.Product.StartAgentAsync(Second);
        try
        {
            await shop.Product.WatchesAsync(Second, shop.Replica.Id);
            var since = UnixNs();
            await LearnedShop.UseAsync(shop.ReplicaPort);
            var probe = await shop.JudgedUpToNowAsync(shop.Replica, Second);

            Assert.Equal(Second, probe["node"]);
            Assert.Contains(await shop.AlertsOfAsync(shop.Replica, since), a =>
                a["node"] == Second && a["kind"] == "exec" && a.Json.GetProperty("strict_lock").GetBoolean());
            Assert.All((await shop.AlertsOfAsync(shop.Replica, since)).Where(a => a["node"] == Second),
                a => Assert.Contains("probe-", a.Json.ToString()));
            var workload = await shop.Product.AskAsync("workloads", "show", LearnedShop.Workload);
            Assert.Contains(Second, workload.GetProperty("nodes").EnumerateArray().Select(n => n.GetString()));
        }
        finally
        {
            await shop.Product.StopAgentAsync(Second);
        }
    }

    /// <summary>The container's only alerts since then are those of the probe that is made here.</summary>
    async Task<ShownAnomaly> AlarmsOnlyTheProbeAsync(PodContainer pod, long sinceUnixNs = 0, string except = "probe-")
    {
        var probe = await shop.JudgedUpToNowAsync(pod);
        Assert.All(await shop.AlertsOfAsync(pod, sinceUnixNs), a =>
        {
            var text = a.Json.ToString();
            Assert.True(
                text.Contains("probe-", StringComparison.Ordinal) || text.Contains(except, StringComparison.Ordinal), $"a false alarm: {a}");
        });
        return probe;
    }

    static long UnixNs() => (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
}
