using System.Text;
using CsCheck;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Native;
using RuntimeGuard.Proto.Cri;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Containers;

/// <summary>What runtimes say of a container's network, and how little of it is believed.</summary>
public sealed class NetworkFactsTests : IDisposable
{
    const long Made = 1_700_000_000_000_000_000;
    const long Tick = 10_000_000;
    const string Spec = """
        {"process":{"env":["PATH=/bin","DB_SERVICE_HOST=10.96.7.7","DB_SERVICE_PORT=5432","KUBERNETES_SERVICE_HOST=10.96.0.1",
        "KUBERNETES_SERVICE_PORT=443","MY_CACHE_SERVICE_HOST=fd00::7","MY_CACHE_SERVICE_PORT=1","EVIL_SERVICE_HOST=203.0.113.1",
        "EVIL_SERVICE_PORT=1","ALONE_SERVICE_HOST=10.96.0.2","low_SERVICE_HOST=10.96.0.3","low_SERVICE_PORT=1","META_SERVICE_HOST=169.254.169.254",
        "META_SERVICE_PORT=80"]},"mounts":[{"destination":"/proc","source":"proc"},{"destination":"/etc/resolv.conf","source":"SOURCE"}]}
        """;

    readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Services_are_those_the_kubelet_wrote_and_private() => Assert.Equal(
        ["10.96.7.7 db.shop.svc", "10.96.0.1 kubernetes.default.svc", "fd00::7 my-cache.shop.svc"],
        RuntimeSpec.Of(Encoding.UTF8.GetBytes(Spec)).Services("shop").Select(s => $"{s.Address} {s.Name}"));

    [Fact]
    public void Nameservers_are_the_kubelets_before_a_files()
    {
        var pod = Pod();
        pod.Info["info"] = """{"config":{"dns_config":{"servers":["10.96.0.10","evil","fd00::a%eth0"]}}}""";
        Assert.Equal(["10.96.0.10", "fd00::a"], Of(pod).Nameservers.Select(s => $"{s}"));
    }

    [Fact]
    public void A_file_counts_only_as_the_runtime_wrote_it()
    {
        File.WriteAllText(_file, "# host\nsearch shop\nnameserver 10.96.0.10 # first\n nameserver\t10.96.0.11\nnameserverx 1.2.3.4\nnameserver 1\nnameserver a.b\nnameserver 10.0.0.1\nnameserver 10.0.0.2");
        Assert.Equal(["10.96.0.10", "10.96.0.11", "10.0.0.1"], Of(Pod(), Made - Tick - 1).Nameservers.Select(s => $"{s}"));
        Assert.Empty(Of(Pod(), Made - Tick).Nameservers); // may be written from inside, just after it was made
        Assert.Empty(Of(Pod(), null).Nameservers);
        File.WriteAllText(_file, "nameserver 10.96.0.10\n" + new string('#', 65536));
        Assert.Empty(Of(Pod(), Made - Tick - 1).Nameservers);
    }

    /// <summary>On a real file, by its real change time: an entrypoint that writes at once gains nothing, nor does setting times back.</summary>
    [Fact]
    public async Task What_runs_in_the_container_cannot_write_its_nameservers_however_soon()
    {
        var files = new ResolvConf(Inodes.ChangedUnixNs);
        await File.WriteAllTextAsync(_file, "nameserver 10.96.0.10", TestContext.Current.CancellationToken);
        var written = Inodes.ChangedUnixNs(_file)!.Value;
        SpinWait.SpinUntil(() => CollectorItems.NowNs > written + Tick);
        var made = CollectorItems.NowNs;
        Assert.Equal(["10.96.0.10"], files.Read(_file, made).Select(s => $"{s}"));
        Assert.Empty(files.Read(_file, 0));

        await File.WriteAllTextAsync(_file, "nameserver 203.0.113.9", TestContext.Current.CancellationToken);
        Assert.Empty(files.Read(_file, made));
        File.SetLastWriteTimeUtc(_file, DateTime.UtcNow.AddDays(-1));
        Assert.Empty(files.Read(_file, made));
        // Nor does another file in its place, as old as it may be: to be put there changes it.
        var old = Path.GetTempFileName();
        File.Move(old, _file, overwrite: true);
        Assert.Empty(files.Read(_file, made));
    }

    [Fact]
    public void A_pods_own_addresses_are_named_after_its_owner_and_never_the_hosts()
    {
        var pod = Pod();
        pod.Status.Network = new() { Ip = "10.244.0.9", AdditionalIps = { new PodIP { Ip = "fd00::9" }, new PodIP { Ip = "127.0.0.1" } } };
        Assert.Equal(["10.244.0.9 web.shop.pod", "fd00::9 web.shop.pod"], Of(pod).OwnPod.Select(p => $"{p.Address} {p.Name}"));
        pod.Status.Linux = new() { Namespaces = new() { Options = new() { Network = NamespaceMode.Node } } };
        Assert.Empty(Of(pod).OwnPod);
    }

    [Theory]
    [InlineData("web-7d9c5b8f6d-x2x4z", "web", "pod-template-hash=7d9c5b8f6d")]
    [InlineData("db-0", "db", "statefulset.kubernetes.io/pod-name=db-0", "controller-revision-hash=db-5f")]
    [InlineData("agent-x2x4z", "agent", "controller-revision-hash=6b9c")]
    [InlineData("report-28912345-abcde", "report", "job-name=report-28912345")]
    [InlineData("lonely-1", "lonely-1")]
    public void An_owner_is_the_same_for_every_replica_and_rollout(string pod, string owner, params string[] labels)
    {
        var status = new PodSandboxStatus();
        foreach (var label in labels)
            status.Labels.Add(label.Split('=')[0], label.Split('=')[1]);
        Assert.Equal(owner, PodOwner.Of(pod, status.Labels));
    }

    [Fact]
    public void Whatever_a_runtime_says_nothing_is_thrown() => Gen.OneOf(Gen.String, Gen.Select(Gen.Int[0, Spec.Length - 1], Gen.Char,
        (at, c) => string.Concat(Spec.AsSpan(0, at), c.ToString(), Spec.AsSpan(at + 1))),
        Gen.OneOf(Gen.Const("null"), Gen.Const("[]"), Gen.Const("{\"runtimeSpec\":1}"), Gen.Const("{\"config\":{\"dns_config\":{\"servers\":[1,null,{}]}}}"))).Sample(text =>
    {
        RuntimeSpec.OfContainerInfo(text).Services("x");
        RuntimeSpec.OfSandboxInfo(text);
        RuntimeSpec.Of(Encoding.UTF8.GetBytes(text)).Services("x");
        ResolvConf.Parse(text);
    }, iter: 3000);

    NetworkFacts Of(PodSandboxStatusResponse pod, long? changed = Made - Tick - 1) => new CriNetwork(new ResolvConf(_ => changed)).Of("shop",
        new ContainerStatusResponse { Info = { ["info"] = $"{{\"runtimeSpec\":{Spec.Replace("SOURCE", _file, StringComparison.Ordinal)}}}" } }, pod, Made);

    static PodSandboxStatusResponse Pod() => new()
    {
        Status = new()
        {
            Id = "p", Metadata = new() { Name = "web-7d9c5b8f6d-x2x4z", Namespace = "shop" },
            Labels = { ["pod-template-hash"] = "7d9c5b8f6d" },
        },
    };
}
