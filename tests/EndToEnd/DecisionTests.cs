using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>What a person says of an alert is obeyed by the agents of every replica, and taken back as completely.</summary>
[Collection(nameof(LearnedShop))]
[Trait("Category", "EndToEnd")]
public sealed class DecisionTests(LearnedShop shop)
{
    const string Program = "/bin/whoami";

    [Fact]
    public async Task An_alert_that_was_allowed_stays_silent_on_every_replica_until_it_is_retracted_and_a_denied_one_says_so()
    {
        var first = await AlertsAsync(shop.Replica, since: 0);

        var allowed = await shop.Product.AskAsync("alerts", "allow", first.AlertId, "--reason", "support looks at kernels");
        Assert.Equal("allowed", allowed.GetProperty("alert").GetProperty("state").GetString());
        var id = allowed.GetProperty("id").GetString()!;
        Assert.Contains(id, (await shop.Product.RgctlAsync("baseline", "overrides", LearnedShop.Workload)).Out, StringComparison.Ordinal);
        await InForceAsync();
        var since = UnixNs();
        foreach (var pod in new[] { shop.Replica, shop.Victim })
        {
            await pod.ExecAsync(Program);
            await shop.JudgedUpToNowAsync(pod);
            Assert.DoesNotContain(await shop.AlertsOfAsync(pod, since), IsIt);
        }

        await shop.Product.AskAsync("baseline", "retract", LearnedShop.Workload, id, "--reason", "support is done");
        await AlertsAsync(shop.Victim, UnixNs());

        await shop.Product.AskAsync("alerts", "deny", first.AlertId, "--reason", "never again");
        var denied = await Eventually.GetAsync("what was denied alerts as denied", async () =>
        {
            var from = UnixNs();
            await shop.Victim.ExecAsync(Program);
            await shop.JudgedUpToNowAsync(shop.Victim);
            return (await shop.AlertsOfAsync(shop.Victim, from)).FirstOrDefault(a => IsIt(a) && a["rule"] == "denied");
        });
        Assert.Contains("denied", denied["summary"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_workload_says_of_each_class_how_far_it_is_and_who_decided()
    {
        var text = (await shop.Product.RgctlAsync("workloads", "show", LearnedShop.Workload)).Out;
        Assert.Contains("exec: locked by hand", text);

        await shop.Product.AskAsync("workloads", "freeze", $"staging/{TestImages.ShopRepository}", "--class", "file_write", "--reason", "migration");
        Assert.Contains("file_write: frozen at", (await shop.Product.RgctlAsync("workloads", "show", $"staging/{TestImages.ShopRepository}")).Out);
        await shop.Product.AskAsync("workloads", "unlock", $"staging/{TestImages.ShopRepository}", "--class", "file_write", "--reason", "done");
        Assert.DoesNotContain("file_write: frozen at", (await shop.Product.RgctlAsync("workloads", "show", $"staging/{TestImages.ShopRepository}")).Out);
    }

    static bool IsIt(ShownAnomaly anomaly) => anomaly["kind"] == "exec" && anomaly["subject"].Contains("whoami", StringComparison.Ordinal);

    /// <summary>The program is started until it alerts: the decision before may still be on its way.</summary>
    async Task<ShownAnomaly> AlertsAsync(PodContainer pod, long since) => await Eventually.GetAsync($"{Program} alerts", async () =>
    {
        await pod.ExecAsync(Program);
        await shop.JudgedUpToNowAsync(pod);
        return (await shop.AlertsOfAsync(pod, since)).FirstOrDefault(IsIt);
    });

    /// <summary>The agent obeys: what was allowed is done once more and is no anomaly, where it was one a moment ago.</summary>
    async Task InForceAsync() => await Eventually.HoldsAsync("the allow is in force", async () =>
    {
        var since = UnixNs();
        await shop.Replica.ExecAsync(Program);
        await shop.JudgedUpToNowAsync(shop.Replica);
        return !(await shop.AlertsOfAsync(shop.Replica, since)).Any(IsIt);
    });

    static long UnixNs() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
}
