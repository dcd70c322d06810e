using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>One node for all container tests: making it takes seconds, using it takes none.</summary>
public sealed class ContainerHostFixture : IAsyncLifetime
{
    public ContainerHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await ContainerHost.StartAsync();

    public ValueTask DisposeAsync() => Host is null ? ValueTask.CompletedTask : Host.DisposeAsync();
}

[Trait("Category", "EndToEnd")]
public sealed class ContainerIdentityTests(ContainerHostFixture fixture) : IClassFixture<ContainerHostFixture>, IDisposable
{
    readonly ContainerHost _host = fixture.Host;
    readonly ContainerCounters _counters = new();
    ContainerRuntime? _runtime;

    ContainerRuntime Runtime => _runtime ??= new(RuntimeEndpoints.Of(_host.CriEndpoint), _counters, TimeSpan.FromSeconds(5));

    public void Dispose() => _runtime?.Dispose();

    async Task<Proto.Container> Resolve(string cgroup) =>
        (await Runtime.LookUpAsync(CgroupPath.Parse(cgroup), TestContext.Current.CancellationToken)).Container
        ?? throw new InvalidOperationException($"nobody knows {cgroup}");

    [Fact]
    public async Task A_pods_container_and_its_sandbox_are_known_by_their_cgroups()
    {
        var port = ShopClient.FreePort();
        var pod = await _host.RunPodAsync(new("shop", TestImages.Shop, "/usr/bin/shopd", $"{port}")
        {
            Labels = new Dictionary<string, string> { ["job-name"] = "nightly" },
        });
        await ShopClient.ReadyAsync(port);
        var cgroup = $"{_host.PodCgroup}/pod{pod.Uid}";
        Assert.True(Directory.Exists($"/sys/fs/cgroup/unified{cgroup}/{pod.Id}") || Directory.Exists($"/sys/fs/cgroup{cgroup}/{pod.Id}"));

        var web = await Resolve($"{cgroup}/{pod.Id}");
        var pause = await Resolve($"{cgroup}/{pod.SandboxId}");

        Assert.Equal(
            (pod.Id, "shop", TestImages.ShopRepository, "1", "web", pod.Pod, pod.Uid, true, "cri"),
            (web.Id, web.Workload.Namespace, web.Workload.Image, web.Tag, web.Name, web.Pod, web.PodUid,
                web.RunsToCompletion, web.Runtime));
        Assert.StartsWith("sha256:", web.Digest);
        Assert.True(web.StartedUnixNs > 0);
        Assert.Equal(("shop", "pause"), (pause.Workload.Namespace, pause.Workload.Image));

        await pod.RestartAsync();
        Assert.Equal(web.Workload, (await Resolve($"{cgroup}/{pod.Id}")).Workload);
        await pod.RemoveAsync();
    }

    [Fact]
    public async Task A_container_of_plain_containerd_is_a_workload_of_its_namespace()
    {
        var port = ShopClient.FreePort();
        var plain = await _host.RunPlainAsync(TestImages.ShopNext, "/usr/bin/shopd", $"{port}");
        await ShopClient.ReadyAsync(port);

        var facts = await Resolve($"/{_host.PlainNamespace}/{plain.Id}");

        Assert.Equal(
            (_host.PlainNamespace, TestImages.ShopRepository, "2", "containerd"),
            (facts.Workload.Namespace, facts.Workload.Image, facts.Tag, facts.Runtime));
        Assert.StartsWith("sha256:", facts.Digest);
        Assert.Contains("shop:x", (await plain.ExecAsync("/bin/cat", "/etc/passwd")).Succeeded().Out);
        await plain.RemoveAsync();
    }

    [Fact]
    public async Task While_the_runtime_is_away_runc_still_knows_its_pods()
    {
        var port = ShopClient.FreePort();
        var pod = await _host.RunPodAsync(new("staging", TestImages.Shop, "/usr/bin/shopd", $"{port}"));
        await _host.KillRuntimeAsync();
        try
        {
            var facts = await Resolve($"{_host.PodCgroup}/pod{pod.Uid}/{pod.Id}");

            Assert.Equal(
                ("staging", TestImages.ShopRepository, pod.Pod),
                (facts.Workload.Namespace, facts.Workload.Image, facts.Pod));
        }
        finally
        {
            await _host.RestartRuntimeAsync();
        }
        var again = await Resolve($"{_host.PodCgroup}/pod{pod.Uid}/{pod.Id}");
        Assert.StartsWith("sha256:", again.Digest);
        await pod.RemoveAsync();
    }
}
