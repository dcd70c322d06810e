using System.Diagnostics;
using Grpc.Core;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Proto.Cri;
using RuntimeGuard.Tests.Support;
using Containerd = RuntimeGuard.Proto.Containerd;

namespace RuntimeGuard.Tests.Unit.Containers;

public sealed class ContainerRuntimeTests : IAsyncLifetime
{
    const string Id = "3f4a0c5b9d8e7f60112233445566778899aabbccddeeff00112233445566aabb";
    const string SandboxId = "00000000000000000000000000000000000000000000000000000000000000aa";
    const string Digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const string ImageId = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    readonly ContainerCounters _counters = new();
    RuntimeServer _server = null!;
    ContainerRuntime _runtime = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RuntimeServer.StartAsync();
        _runtime = new(
            new([_server.SocketPath], [], [], Given: true), _counters, callTimeout: TimeSpan.FromSeconds(4));
    }

    public async ValueTask DisposeAsync()
    {
        _runtime.Dispose();
        await _server.DisposeAsync();
    }

    Task<LookUpAnswer> LookUp(string id = Id) =>
        _runtime.LookUpAsync(CgroupPath.Parse($"/k8s.io/{id}"), TestContext.Current.CancellationToken);

    void Serve(
        string version = "v1", Action<Container>? container = null, Action<PodSandboxStatus>? sandbox = null,
        Action<Image>? image = null)
    {
        var listed = new Container
        {
            Id = Id,
            PodSandboxId = SandboxId,
            Metadata = new() { Name = "web" },
            Image = new() { Image = "nginx:1.25" },
            ImageRef = ImageId,
            CreatedAt = 5,
            Labels = { ["io.kubernetes.container.name"] = "web", ["io.kubernetes.pod.namespace"] = "shop" },
        };
        container?.Invoke(listed);
        var pod = new PodSandboxStatus
        {
            Id = SandboxId,
            Metadata = new() { Name = "web-1", Namespace = "shop", Uid = "uid-1" },
            CreatedAt = 4,
        };
        sandbox?.Invoke(pod);
        var known = new Image
        {
            Id = ImageId,
            RepoTags = { "registry:5000/z/nginx:x", "docker.io/library/nginx:1.25" },
            RepoDigests = { $"docker.io/library/nginx@{Digest}" },
        };
        image?.Invoke(known);

        var runtime = $"runtime.{version}.RuntimeService";
        _server.On<ListContainersRequest>($"{runtime}/ListContainers", _ => new ListContainersResponse { Containers = { listed } });
        _server.On<ContainerStatusRequest>($"{runtime}/ContainerStatus", r => r.ContainerId == Id
            ? new ContainerStatusResponse { Status = new() { Id = listed.Id, StartedAt = 9, ImageRef = ImageId, Image = new() { Image = ImageId } } }
            : throw new RpcException(new(StatusCode.NotFound, "")));
        _server.On<PodSandboxStatusRequest>($"{runtime}/PodSandboxStatus", r => r.PodSandboxId == SandboxId
            ? new PodSandboxStatusResponse { Status = pod }
            : throw new RpcException(new(StatusCode.NotFound, "")));
        _server.On<ImageStatusRequest>($"runtime.{version}.ImageService/ImageStatus", _ => new ImageStatusResponse { Image = known });
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha2")]
    public async Task A_container_has_its_pods_namespace_and_its_images_names(string version)
    {
        Serve(version);

        var facts = (await LookUp()).Container;

        Assert.NotNull(facts);
        Assert.Equal(
            (Id, "shop", "docker.io/library/nginx", "web", "web-1", "uid-1", "1.25", Digest, 9L, "cri"),
            (facts.Id, facts.Workload.Namespace, facts.Workload.Image, facts.Name, facts.Pod, facts.PodUid, facts.Tag,
                facts.Digest, facts.StartedUnixNs, facts.Runtime));
        Assert.False(facts.RunsToCompletion);
    }

    [Fact]
    public async Task An_image_known_by_its_id_alone_is_named_deterministically()
    {
        Serve(container: c => c.Image = new() { Image = ImageId }, image: i => i.RepoTags.Insert(0, "registry:5000/zz/b:1"));

        var facts = (await LookUp()).Container;

        Assert.Equal(("docker.io/library/nginx", "1.25", Digest), (facts?.Workload.Image, facts?.Tag, facts?.Digest));
    }

    [Fact]
    public async Task A_sandbox_is_a_workload_of_its_own_and_a_job_runs_to_completion()
    {
        Serve(sandbox: s => s.Labels["batch.kubernetes.io/job-name"] = "nightly");

        var sandbox = (await LookUp(SandboxId)).Container;
        var container = (await LookUp()).Container;

        Assert.Equal(("shop", "pause", "pause"), (sandbox?.Workload.Namespace, sandbox?.Workload.Image, sandbox?.Name));
        Assert.True(container?.RunsToCompletion);
    }

    [Fact]
    public async Task A_container_the_cri_started_later_is_found_though_it_was_not_in_the_first_list()
    {
        Serve();
        await LookUp();
        Serve(container: c => c.Labels.Clear());

        var facts = (await LookUp()).Container;

        Assert.Equal(("shop", "web"), (facts?.Workload.Namespace, facts?.Name));
        Assert.Equal(1, _server.Calls.Count(c => c.EndsWith("ListContainers", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Containerd_is_asked_for_what_the_cri_does_not_run()
    {
        Containerd.GetContainerRequest? asked = null;
        _server.On<Containerd.GetContainerRequest>("containerd.services.containers.v1.Containers/Get", r =>
        {
            asked = r;
            return new Containerd.GetContainerResponse
            {
                Container = new() { Id = "job1", Image = "docker.io/library/tool:2", CreatedAt = new() { Seconds = 3 } },
            };
        });
        _server.On<Containerd.GetImageRequest>("containerd.services.images.v1.Images/Get", _ =>
            new Containerd.GetImageResponse { Image = new() { Target = new() { Digest = Digest } } });

        var facts = (await _runtime.LookUpAsync(CgroupPath.Parse("/lab/job1"), TestContext.Current.CancellationToken)).Container;

        Assert.Equal("job1", asked?.Id);
        Assert.Equal(
            ("lab", "docker.io/library/tool", "2", Digest, 3_000_000_000L, "containerd"),
            (facts?.Workload.Namespace, facts?.Workload.Image, facts?.Tag, facts?.Digest, facts?.StartedUnixNs, facts?.Runtime));
    }

    [Fact]
    public async Task A_container_of_the_cri_is_not_taken_from_containerd_before_the_cri_knows_it()
    {
        _server.On<Containerd.GetContainerRequest>("containerd.services.containers.v1.Containers/Get", _ =>
            new Containerd.GetContainerResponse
            {
                Container = new() { Id = Id, Image = "x:1", Labels = { ["io.cri-containerd.kind"] = "sandbox" } },
            });

        Assert.Equal(LookUpAnswer.NotFound, await LookUp());
    }

    public static TheoryData<string, Action<ContainerRuntimeTests>> Lies => new()
    {
        { "another container's status", t => t.Serve(container: c => c.Id = SandboxId) },
        { "no namespace", t => t.Serve(container: c => c.Labels.Clear(), sandbox: s => s.Metadata = null) },
        { "another sandbox", t => t.Serve(sandbox: s => s.Id = Id) },
        { "a container that is its own sandbox", t => t.Serve(container: c => c.PodSandboxId = Id, sandbox: s => s.Id = SandboxId) },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task An_answer_that_cannot_be_true_is_refused(string lie, Action<ContainerRuntimeTests> tell)
    {
        tell(this);

        var answer = await LookUp();

        // What is left of the answer is either nothing or still the container that was asked for.
        Assert.True(answer.Container is null || (answer.Container.Id == Id && answer.Container.Workload.Namespace == "shop"), lie);
    }

    [Fact]
    public async Task Hostile_text_is_cut_and_made_harmless_and_counted()
    {
        Serve(
            container: c => c.Labels["io.kubernetes.container.name"] = "web\u001b[2J\r\n\u202e" + new string('x', 100_000),
            sandbox: s => (s.Metadata.Name, s.Metadata.Uid) = ("\0\u0007pod", new string('u', 300)));

        var facts = (await LookUp()).Container!;

        Assert.StartsWith("web\ufffd[2J\ufffd\ufffd\ufffdxxx", facts.Name);
        Assert.Equal((RuntimeText.MaxName, "\ufffd\ufffdpod", RuntimeText.MaxName), (facts.Name.Length, facts.Pod, facts.PodUid.Length));
        Assert.Equal(3, _counters[ContainerCounter.TextNeutralised]);
    }

    [Theory]
    [InlineData("huge")]
    [InlineData("garbage")]
    [InlineData("half a frame")]
    [InlineData("silent")]
    [InlineData("failing")]
    public async Task A_runtime_that_cannot_be_used_is_away_and_counted_and_does_not_hold_the_caller(string how)
    {
        const string Method = "runtime.v1.RuntimeService/ListContainers";
        switch (how)
        {
            case "huge":
                _server.OnRaw(Method, RuntimeServer.Frame(new byte[20 << 20]));
                break;
            case "garbage":
                _server.OnRaw(Method, RuntimeServer.Frame([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
                break;
            case "half a frame":
                _server.OnRaw(Method, [0, 0, 0, 1, 0, 7]);
                break;
            case "silent":
                _server.OnSilence(Method);
                break;
            default:
                _server.On<ListContainersRequest>(Method, _ => throw new RpcException(new(StatusCode.Unknown, "\u001b[31m")));
                break;
        }
        var watch = Stopwatch.StartNew();

        var answer = await LookUp();

        Assert.Equal(LookUpAnswer.Away, answer);
        Assert.Equal(1, _counters[ContainerCounter.RuntimeUnavailable] + _counters[ContainerCounter.RuntimeRejected]);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"it took {watch.Elapsed}");
    }

    [Fact]
    public async Task A_runtime_that_comes_back_is_asked_again()
    {
        await using var later = await RuntimeServer.StartAsync();
        var path = later.SocketPath + ".moved";
        using var runtime = new ContainerRuntime(new([path], [], [], Given: true), _counters, TimeSpan.FromSeconds(5));
        var name = CgroupPath.Parse($"/k8s.io/{Id}");
        Assert.Equal(LookUpAnswer.Away, await runtime.LookUpAsync(name, TestContext.Current.CancellationToken));

        (_server, var first) = (later, _server);
        Serve();
        _server = first;
        File.Move(later.SocketPath, path);

        Assert.Equal("shop", (await runtime.LookUpAsync(name, TestContext.Current.CancellationToken)).Container?.Workload.Namespace);
    }

    [Fact]
    public async Task Cancelling_is_the_only_way_to_throw()
    {
        _server.OnSilence("runtime.v1.RuntimeService/ListContainers");
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            _runtime.LookUpAsync(CgroupPath.Parse($"/k8s.io/{Id}"), soon.Token));
    }

    [Theory]
    [InlineData("unix:///run/x.sock", "/run/x.sock")]
    [InlineData("/run/x.sock", "/run/x.sock")]
    public void An_endpoint_is_a_path_with_or_without_its_scheme(string given, string path) =>
        Assert.Equal([path], RuntimeEndpoints.Of(given).Sockets);

    [Theory]
    [InlineData("tcp://1.2.3.4:5")]
    [InlineData("unix://relative")]
    [InlineData("")]
    [InlineData("unix:///\u001b[31m\0")]
    public void What_is_no_endpoint_is_named_with_the_remedy(string given)
    {
        var error = Assert.Throws<FormatException>(() => RuntimeEndpoints.Of(given));
        Assert.Contains("unix:///ABSOLUTE/PATH", error.Message);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }
}
