using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>A real pod whose kubelet gave it a nameserver: what it talks to is known by name, and only that nameserver names.</summary>
[Collection(nameof(LearnedShop))]
[Trait("Category", "EndToEnd")]
public sealed class PeerNameTests(LearnedShop shop) : IDisposable
{
    readonly DnsResponder _nameserver = DnsResponder.Start();
    readonly List<TcpListener> _peers = [];

    public void Dispose()
    {
        foreach (var peer in _peers)
            peer.Dispose();
        _nameserver.Dispose();
    }

    [Fact]
    public async Task A_peer_is_known_by_its_name_and_only_the_runtimes_nameserver_names_it()
    {
        var workload = $"names-{Guid.NewGuid():N}"[..14];
        var (first, moved, evil, poisoned) = (Peer(0), Peer(1), Peer(2), Peer(3));
        var port = ((IPEndPoint)_peers[0].LocalEndpoint).Port;
        _nameserver.Names("api.rg.example", first);
        _nameserver.Names("evil.rg.example", evil);
        var shopPort = ShopClient.FreePort();
        var pod = await shop.Host.RunPodAsync(
            new(workload, TestImages.Shop, "/usr/bin/shopd", $"{shopPort}") { Nameservers = [$"{_nameserver.Address}"] });
        await shop.Product.WatchesAsync(LearnedShop.Node, pod.Id);
        await ShopClient.ReadyAsync(shopPort);

        Task<string> FetchAsync(string name) => ShopClient.RunAsync(shopPort, $"wget -q -O - http://{name}:{port}/");
        Assert.Contains("peer 0", await FetchAsync("api.rg.example"), StringComparison.Ordinal);
        // By the addresses alone: nobody resolves anything.
        async Task StartAgainAsync()
        {
            await shop.Product.StartAgentAsync(LearnedShop.Node);
            await shop.Product.WatchesAsync(LearnedShop.Node, pod.Id);
            Assert.Contains("peer 0", await FetchAsync(first), StringComparison.Ordinal);
            Assert.Contains("peer 1", await FetchAsync(moved), StringComparison.Ordinal);
        }

        await LearnedAsync($"{workload}/{TestImages.ShopRepository}", "net_out tcp private api.rg.example:eph", "dns api.rg.example");

        await shop.Product.AskAsync("workloads", "lock", $"{workload}/{TestImages.ShopRepository}", "--reason", "the test has seen enough");
        await Eventually.HoldsAsync("the lock is in force", async () =>
        {
            await pod.ExecAsync("/bin/id");
            return (await shop.AlertsOfAsync(pod)).Any(a => a["kind"] == "exec");
        });

        // The address behind the name changes: it is who it was.
        _nameserver.Names("api.rg.example", moved);
        var asked = DateTime.UtcNow;
        Assert.Contains("peer 1", await FetchAsync("api.rg.example"), StringComparison.Ordinal);

        // To an agent that follows a killed one, and to one that follows a stopped one, both addresses are who they were.
        await Eventually.HoldsAsync("the new address is on disk",
            () => Task.FromResult(shop.Product.KeptNamesSince(LearnedShop.Node, asked)));
        await shop.Product.KillAgentAsync(LearnedShop.Node);
        var killed = DateTime.UtcNow;
        await StartAgainAsync();
        await shop.Product.StopAgentAsync(LearnedShop.Node);
        await StartAgainAsync();
        await RecordedByNameAsync(pod, killed, port);

        // Another name is somebody else.
        Assert.Contains("peer 2", await FetchAsync("evil.rg.example"), StringComparison.Ordinal);
        var alert = await shop.Alerts.FindAsync("the other name alerts", a =>
            a["container_id"] == pod.Id && a["kind"] == "connect" && a["peer"] == evil);
        Assert.Equal(("evil.rg.example", $"evil.rg.example:{port} ({evil})"), (alert["peer_name"], alert["subject"]));
        Assert.Contains($"connected to evil.rg.example:{port} ({evil})", alert["summary"], StringComparison.Ordinal);

        // A nameserver of its own, that says what it likes, names nothing.
        using var own = DnsResponder.Start();
        own.Names("api.rg.example", poisoned);
        var answer = await ShopClient.RunAsync(shopPort,
            $"echo nameserver {own.Address} > /etc/resolv.conf; wget -q -O - http://api.rg.example:{port}/");
        Assert.Contains("peer 3", answer, StringComparison.Ordinal);
        var nameless = await shop.Alerts.FindAsync("the nameless peer alerts", a =>
            a["container_id"] == pod.Id && a["kind"] == "connect" && a["peer"] == poisoned);
        Assert.Equal(("", $"{poisoned}:{port}"), (nameless["peer_name"], nameless["subject"]));

        await shop.JudgedUpToNowAsync(pod);
        // Beside them only the nameserver of its own, which is a new peer too.
        Assert.Equal(new[] { evil, poisoned, $"{own.Address}" }.Order(),
            (await shop.AlertsOfAsync(pod)).Where(a => a["kind"] is "connect" or "send").Select(a => a["peer"]).Distinct().Order());
        await pod.RemoveAsync();
    }

    [Fact]
    public async Task The_runtime_tells_the_nameservers_it_gave()
    {
        using var runtime = new ContainerRuntime(RuntimeEndpoints.Of(shop.Host.CriEndpoint), new ContainerCounters(),
            TimeSpan.FromSeconds(5), new ResolvConf(Agent.Native.Inodes.ChangedUnixNs));
        var pod = await shop.Host.RunPodAsync(
            new("names", TestImages.Shop, "/usr/bin/shopd", $"{ShopClient.FreePort()}") { Nameservers = ["192.0.2.53", "192.0.2.54"] });
        Task<LookUpAnswer> Find(string path) => runtime.LookUpAsync(CgroupPath.Parse(path), TestContext.Current.CancellationToken);

        Assert.Equal(["192.0.2.53", "192.0.2.54"],
            (await Find($"{shop.Host.PodCgroup}/pod{pod.Uid}/{pod.Id}")).Network!.Nameservers.Select(s => $"{s}"));
        // Of plain containerd: the host's own file, which ctr mounts.
        var host = ResolvConf.Parse(await File.ReadAllTextAsync("/etc/resolv.conf", TestContext.Current.CancellationToken));
        Assert.Equal(host, (await Find($"/{shop.Host.PlainNamespace}/{shop.Backend.Id}")).Network!.Nameservers);
        await pod.RemoveAsync();
    }

    /// <summary>What the agent recorded since is told by name; a stopping agent says what it has.</summary>
    Task RecordedByNameAsync(PodContainer pod, DateTime since, int port) => Eventually.HoldsAsync($"connects to {port} are recorded by name", async () =>
    {
        var rows = (await shop.Product.AskAsync("history", "query", "--kind", "activity", "--container", pod.Id)).GetProperty("rows").EnumerateArray()
            .Where(r => r.GetProperty("port").GetInt32() == port
                && r.GetProperty("time_unix_ns").GetInt64() > (since - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick)
            .ToList();
        Assert.All(rows, r => Assert.Contains("api.rg.example", r.ToString(), StringComparison.Ordinal));
        return rows.Count > 0;
    });

    /// <summary>A web server that says its number, on an address of its own; all have the same port.</summary>
    string Peer(int number)
    {
        var address = new IPAddress([127, 54, (byte)Random.Shared.Next(256), (byte)(1 + number)]);
        var listener = new TcpListener(address, _peers.Count == 0 ? 0 : ((IPEndPoint)_peers[0].LocalEndpoint).Port);
        listener.Start();
        _peers.Add(listener);
        _ = Task.Run(async () =>
        {
            while (true)
            {
                try
                {
                    using var client = await listener.AcceptTcpClientAsync();
                    var stream = client.GetStream();
                    await stream.ReadAtLeastAsync(new byte[4096], 1);
                    await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(
                        string.Create(CultureInfo.InvariantCulture, $"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\npeer {number}\n")));
                }
                catch (Exception closed) when (closed is SocketException or ObjectDisposedException or IOException)
                {
                    if (!listener.Server.IsBound)
                        return;
                }
            }
        });
        return $"{address}";
    }

    Task LearnedAsync(string workload, params string[] behaviours) => Eventually.HoldsAsync($"{workload} has learned {string.Join(", ", behaviours)}", async () =>
    {
        var answer = await shop.Product.RgctlAsync("baseline", "show", workload, "-o", "json");
        if (answer.ExitCode != 0)
            return false;
        using var document = JsonDocument.Parse(answer.Out);
        var known = document.RootElement.GetProperty("behaviours").EnumerateArray()
            .Select(b => $"{b.GetProperty("class")} {b.GetProperty("object")}").ToHashSet();
        return behaviours.All(known.Contains);
    }, TimeSpan.FromSeconds(60));
}
