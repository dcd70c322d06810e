using System.Text.Json;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>
/// What every end-to-end test of alerts starts from: a node with a shop in two namespaces (two replicas in "shop") and its
/// backend started by plain ctr, watched by agent "node-a"; (shop, rg.test/shop) has learned and is locked by hand.
/// Made once: learning is what takes time.
/// </summary>
public sealed class LearnedShop : IAsyncLifetime
{
    public const string Node = "node-a";
    public const string Workload = $"shop/{TestImages.ShopRepository}";

    readonly DirectoryInfo _secrets = Directory.CreateTempSubdirectory("rg-secrets-");

    public ContainerHost Host { get; private set; } = null!;

    public Installation Product { get; private set; } = null!;

    public AlertBook Alerts { get; private set; } = null!;

    /// <summary>Attacks go here; it may mount, as pods of storage drivers may.</summary>
    public PodContainer Victim { get; private set; } = null!;

    public PodContainer Replica { get; private set; } = null!;

    public PodContainer Staging { get; private set; } = null!;

    public PlainContainer Backend { get; private set; } = null!;

    public int VictimPort { get; } = ShopClient.FreePort();

    public int ReplicaPort { get; } = ShopClient.FreePort();

    public int StagingPort { get; } = ShopClient.FreePort();

    int BackendPort { get; } = ShopClient.FreePort();

    public async ValueTask InitializeAsync()
    {
        Host = await ContainerHost.StartAsync();
        Product = await Installation.StartAsync(Host.CriEndpoint);
        Alerts = new(Product);
        await Product.StartAgentAsync(Node);
        await Product.WatchesAsync(Node);
        await File.WriteAllTextAsync(Path.Combine(_secrets.FullName, "token"), "a.service.account.token");

        Backend = await Host.RunPlainAsync(TestImages.Shop, "/usr/bin/shopd", $"{BackendPort}");
        await ShopClient.ReadyAsync(BackendPort);
        Victim = await RunShopAsync("shop", VictimPort);
        Replica = await RunShopAsync("shop", ReplicaPort);
        Staging = await RunShopAsync("staging", StagingPort);
        foreach (var port in new[] { VictimPort, ReplicaPort, StagingPort })
            await UseAsync(port);
        await Product.WatchesAsync(Node, Victim.Id, Replica.Id, Staging.Id, Backend.Id);
        await LearnedAsync();
        await Product.AskAsync("workloads", "lock", Workload, "--reason", "the test has seen enough");
        await LockedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Product is not null)
            await Product.DisposeAsync();
        if (Host is not null)
            await Host.DisposeAsync();
        _secrets.Delete(recursive: true);
    }

    public Task<PodContainer> RunShopAsync(string ns, int port, string image = TestImages.Shop) => Host.RunPodAsync(
        new(ns, image, "/usr/bin/shopd", $"{port}", $"{BackendPort}")
        {
            Capabilities = ["SYS_ADMIN", "SYS_PTRACE"],
            Mounts = new Dictionary<string, string>
            {
                [_secrets.FullName] = "/var/run/secrets/kubernetes.io/serviceaccount",
                [Host.Socket] = "/run/containerd/containerd.sock",
            },
        });

    /// <summary>What the shop's users do: every normal behaviour, several times.</summary>
    public static async Task UseAsync(int port)
    {
        await ShopClient.ReadyAsync(port);
        for (var i = 0; i < 3; i++)
        {
            foreach (var page in new[] { "/", "/order", "/report" })
                await ShopClient.GetAsync(port, page);
        }
    }

    /// <summary>Alerts of one container of the locked workload since a time.</summary>
    public async Task<IReadOnlyList<ShownAnomaly>> AlertsOfAsync(PodContainer pod, long sinceUnixNs = 0) =>
        [.. (await Alerts.ReadAsync()).Where(a => a["container_id"] == pod.Id && a.TimeUnixNs >= sinceUnixNs)];

    /// <summary>
    /// Everything a container did is judged: a novelty made now has become an alert. A cron file, because a critical rule
    /// speaks for each path, while the eighth new name below /tmp is the same behaviour as the seventh.
    /// </summary>
    public async Task<ShownAnomaly> JudgedUpToNowAsync(PodContainer pod, string node = Node)
    {
        var mark = $"/etc/cron.d/probe-{Guid.NewGuid():N}";
        await NoveltyAsync(pod, mark);
        return await Alerts.FindAsync($"the probe {mark} alerts", a =>
            a["container_id"] == pod.Id && a["node"] == node && a["rule"] == "cron" && a["subject"] == mark);
    }

    /// <summary>Writes a cron file that nobody runs.</summary>
    public static Task NoveltyAsync(PodContainer pod, string path) => pod.ExecAsync("/bin/sh", "-c", $"echo > {path}");

    Task LearnedAsync() => Eventually.HoldsAsync($"the shop's behaviours are learned\n{Product.Logs()}", async () =>
    {
        Product.MustRun();
        var answer = await Product.RgctlAsync("baseline", "show", Workload, "-o", "json");
        if (answer.ExitCode != 0)
            return false;
        using var document = JsonDocument.Parse(answer.Out);
        var behaviours = document.RootElement.GetProperty("behaviours").EnumerateArray()
            .Select(b => $"{b.GetProperty("class")} {b.GetProperty("actor")} {b.GetProperty("object")}").ToList();
        bool Has(string kind, string what) =>
            behaviours.Exists(b => b.StartsWith(kind, StringComparison.Ordinal) && b.Contains(what, StringComparison.Ordinal));
        return Has("exec", "date") && Has("net_out", "127.0.0.1") && Has("net_in", "listen") && Has("net_in", "accept");
    }, TimeSpan.FromSeconds(60));

    /// <summary>The lock has reached the agent when a novelty alerts that would only have been learned before.</summary>
    async Task LockedAsync()
    {
        Assert.Equal("locked_by_hand", (await Product.AskAsync("workloads", "show", Workload)).GetProperty("mode").GetString());
        await Eventually.HoldsAsync($"the lock is in force on {Node}", async () =>
        {
            await Replica.ExecAsync("/bin/id");
            return (await Alerts.ReadAsync()).Any(a => a["container_id"] == Replica.Id && a["kind"] == "exec");
        });
    }
}

/// <summary>Tests that share the learned shop, one class after the other.</summary>
[CollectionDefinition(nameof(LearnedShop))]
public sealed class LearnedShopTests : ICollectionFixture<LearnedShop>;
