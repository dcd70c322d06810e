using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using RuntimeGuard.Proto.Cri;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// The CRI of one runtime over its unix socket: v1, or v1alpha2, whose messages are the same under another service name.
/// Any thread. Every call has a deadline and a bounded answer.
/// </summary>
sealed class CriClient : IDisposable
{
    const string Current = "runtime.v1.";
    const string Old = "runtime.v1alpha2.";

    readonly GrpcChannel _channel;
    readonly TimeSpan _timeout;
    readonly RuntimeService.RuntimeServiceClient[] _runtimes;
    readonly ImageService.ImageServiceClient[] _images;
    // 0: v1, 1: v1alpha2. Only ever a hint: Unimplemented moves on to the other.
    volatile int _version;

    public CriClient(string socketPath, TimeSpan timeout, int maxAnswerBytes = 16 << 20)
    {
        _timeout = timeout;
        _channel = UnixChannel.Create(socketPath, maxAnswerBytes);
        var invoker = _channel.CreateCallInvoker();
        var old = invoker.Intercept(new ServiceRename(Current, Old));
        _runtimes = [new(invoker), new(old)];
        _images = [new(invoker), new(old)];
    }

    public void Dispose() => _channel.Dispose();

    /// <summary>The container of that id among those the runtime lists, or null.</summary>
    public async Task<Container?> FindContainerAsync(string id, CancellationToken cancellationToken)
    {
        var request = new ListContainersRequest { Filter = new() { Id = id } };
        var answer = await CallAsync(v => _runtimes[v].ListContainersAsync(request, Options(cancellationToken)));
        // A filter also matches by prefix, and a hostile runtime may list what it likes.
        return answer?.Containers.FirstOrDefault(c => c.Id == id);
    }

    /// <summary>Everything the runtime runs: asked once when it is found or is back.</summary>
    public async Task<ListContainersResponse?> ListContainersAsync(CancellationToken cancellationToken) =>
        await CallAsync(v => _runtimes[v].ListContainersAsync(new(), Options(cancellationToken)));

    /// <summary>With the runtime's own words beside the status: the container's specification is in them.</summary>
    public async Task<ContainerStatusResponse?> ContainerStatusAsync(string id, CancellationToken cancellationToken) =>
        await CallAsync(v => _runtimes[v].ContainerStatusAsync(
            new() { ContainerId = id, Verbose = true }, Options(cancellationToken)));

    public async Task<PodSandboxStatusResponse?> SandboxStatusAsync(string id, CancellationToken cancellationToken) =>
        await CallAsync(v => _runtimes[v].PodSandboxStatusAsync(
            new() { PodSandboxId = id, Verbose = true }, Options(cancellationToken)));

    public async Task<Image?> ImageStatusAsync(string image, CancellationToken cancellationToken) =>
        (await CallAsync(v => _images[v].ImageStatusAsync(
            new() { Image = new() { Image = image } }, Options(cancellationToken))))?.Image;

    CallOptions Options(CancellationToken cancellationToken) =>
        new(deadline: DateTime.UtcNow + _timeout, cancellationToken: cancellationToken);

    /// <summary>Null when the runtime knows no such thing, or serves no CRI at all; everything else is thrown.</summary>
    async Task<T?> CallAsync<T>(Func<int, AsyncUnaryCall<T>> call)
        where T : class
    {
        var version = _version;
        for (var attempt = 0; attempt < 2; attempt++)
        {
            try
            {
                var answer = await call(version);
                _version = version;
                return answer;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
            {
                version ^= 1;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
            {
                return null;
            }
        }
        return null;
    }

    sealed class ServiceRename(string from, string to) : Interceptor
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request, ClientInterceptorContext<TRequest, TResponse> context,
            AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            var method = context.Method;
            var service = method.ServiceName.StartsWith(from, StringComparison.Ordinal)
                ? to + method.ServiceName[from.Length..]
                : method.ServiceName;
            var renamed = new Method<TRequest, TResponse>(
                method.Type, service, method.Name, method.RequestMarshaller, method.ResponseMarshaller);
            return continuation(request, new(renamed, context.Host, context.Options));
        }
    }
}
