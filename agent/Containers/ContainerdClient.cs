using Grpc.Core;
using Grpc.Net.Client;
using RuntimeGuard.Proto.Containerd;
using Facts = RuntimeGuard.Proto.Container;

namespace RuntimeGuard.Agent.Containers;

/// <summary>containerd's own API, for containers that were started without the CRI. Any thread.</summary>
sealed class ContainerdClient : IDisposable
{
    readonly GrpcChannel _channel;
    readonly TimeSpan _timeout;
    readonly ContainerCounters _counters;
    readonly ResolvConf? _files;
    readonly Proto.Containerd.Containers.ContainersClient _containers;
    readonly Images.ImagesClient _images;

    public ContainerdClient(string socketPath, TimeSpan timeout, ContainerCounters counters, ResolvConf? files = null)
    {
        (_timeout, _counters, _files) = (timeout, counters, files);
        _channel = UnixChannel.Create(socketPath, 4 << 20);
        var invoker = _channel.CreateCallInvoker();
        _containers = new(invoker);
        _images = new(invoker);
    }

    public void Dispose() => _channel.Dispose();

    /// <summary>
    /// The container, as workload (containerd namespace, image repository); not found when there is none of that id, or it is
    /// one of the CRI's, whose word on it counts.
    /// </summary>
    /// <param name="ns">containerd's.</param>
    /// <param name="id">The container's.</param>
    /// <param name="madeUnixNs">When runc had made it; 0: not known.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<LookUpAnswer> FindAsync(string ns, string id, long madeUnixNs, CancellationToken cancellationToken)
    {
        var headers = new Metadata { { "containerd-namespace", ns } };
        CallOptions Options() => new(headers, DateTime.UtcNow + _timeout, cancellationToken);
        Container? container;
        try
        {
            container = (await _containers.GetAsync(new() { Id = id }, Options())).Container;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.Unimplemented or StatusCode.InvalidArgument)
        {
            return LookUpAnswer.NotFound;
        }
        if (container is null || container.Labels.ContainsKey("io.cri-containerd.kind"))
            return LookUpAnswer.NotFound;
        if (container.Id != id)
        {
            _counters.Add(ContainerCounter.RuntimeRejected);
            return LookUpAnswer.NotFound;
        }
        var facts = new Facts
        {
            Id = id,
            Name = id,
            Runtime = "containerd",
            Workload = new() { Namespace = ns == "moby" ? "docker" : ns },
            StartedUnixNs = Math.Max(0, UnixNs(container.CreatedAt)),
        };
        ImageFacts.Set(facts, [container.Image], [], []);
        if (facts.Workload.Image == "unknown")
            facts.Workload.Image = $"container:{id}";
        if (facts.Digest.Length == 0 && container.Image.Length > 0)
            facts.Digest = await DigestAsync(container.Image, Options());
        // A container that starts again is made anew by runc, and what ran in it before could write.
        return LookUpAnswer.Found(facts) with { Network = NetworkOf(container, Math.Min(madeUnixNs, facts.StartedUnixNs)) };
    }

    NetworkFacts NetworkOf(Container container, long madeUnixNs)
    {
        var spec = RuntimeSpec.Of(container.Spec?.Value.Memory ?? default);
        return _files is null || spec.ResolvConf.Length == 0 ? NetworkFacts.None
            : new NetworkFacts(_files.Read(spec.ResolvConf, madeUnixNs), [], []);
    }

    async Task<string> DigestAsync(string image, CallOptions options)
    {
        try
        {
            var digest = (await _images.GetAsync(new() { Name = image }, options)).Image?.Target?.Digest ?? "";
            return ImageName.IsDigest(digest) ? digest : "";
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.Unimplemented)
        {
            // The image was removed while its container runs on: the version stays without a digest.
            return "";
        }
    }

    static long UnixNs(Google.Protobuf.WellKnownTypes.Timestamp? time) =>
        time is { Seconds: > 0 and < 4_000_000_000, Nanos: >= 0 and < 1_000_000_000 }
            ? (time.Seconds * 1_000_000_000) + time.Nanos
            : 0;
}
