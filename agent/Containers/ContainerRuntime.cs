using System.Collections.Concurrent;
using Grpc.Core;
using RuntimeGuard.Proto;
using ContainerStatusResponse = RuntimeGuard.Proto.Cri.ContainerStatusResponse;
using CriContainer = RuntimeGuard.Proto.Cri.Container;
using PodSandboxStatusResponse = RuntimeGuard.Proto.Cri.PodSandboxStatusResponse;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// Every runtime of this host as one: the CRI first, then containerd's own API, then runc's state. Any thread. Failures
/// are counted and come back as <see cref="LookUpAnswer.Away"/>; the caller asks again with back-off.
/// </summary>
sealed class ContainerRuntime(RuntimeEndpoints endpoints, ContainerCounters counters, TimeSpan callTimeout, ResolvConf? files = null) : IDisposable
{
    /// <summary>How long the list taken when a runtime was found answers instead of one call per container.</summary>
    static readonly TimeSpan ListLife = TimeSpan.FromSeconds(5);

    /// <summary>The CRI's containers in containerd.</summary>
    const string CriScope = "k8s.io";

    readonly ConcurrentDictionary<string, Socket> _sockets = new();
    readonly CriFacts _facts = new(counters);
    readonly CriNetwork _network = new(files);
    readonly RuncState _runc = new(counters);

    public void Dispose()
    {
        foreach (var socket in _sockets.Values)
            socket.Dispose();
    }

    /// <summary>The container the cgroup is named after. Throws only when cancelled.</summary>
    public async Task<LookUpAnswer> LookUpAsync(CgroupName name, CancellationToken cancellationToken)
    {
        if (!CgroupPath.IsContainerId(name.Id))
            return LookUpAnswer.NotFound;
        var away = false;
        foreach (var path in endpoints.Sockets)
        {
            // A standard socket that was never there belongs to a runtime that is not installed.
            if (!endpoints.Given && !_sockets.ContainsKey(path) && !File.Exists(path))
                continue;
            var socket = _sockets.GetOrAdd(path, p => new(p, callTimeout, counters, files));
            try
            {
                if (await AskAsync(socket, name, cancellationToken) is { Container: not null } answer)
                    return answer;
            }
            catch (RpcException e)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // Too large, or not the message that was asked for: what the runtime says cannot be used.
                var refused = e.StatusCode is StatusCode.ResourceExhausted or StatusCode.Internal;
                counters.Add(refused ? ContainerCounter.RuntimeRejected : ContainerCounter.RuntimeUnavailable);
                socket.Lost();
                away = true;
            }
        }
        var state = await FindStateAsync(name, away, cancellationToken);
        return state is not null ? LookUpAnswer.Found(state) : away ? LookUpAnswer.Away : LookUpAnswer.NotFound;
    }

    async Task<LookUpAnswer> AskAsync(Socket socket, CgroupName name, CancellationToken cancellationToken)
    {
        if (name.Kind == CgroupKind.Container && await AskCriAsync(socket, name.Id, cancellationToken) is { Container: not null } pod)
            return pod;
        return name.Scope.Length > 0 && name.Scope != "libpod"
            ? await socket.Containerd.FindAsync(name.Scope, name.Id, await MadeUnixNsAsync(name.Scope, name.Id, cancellationToken), cancellationToken)
            : LookUpAnswer.NotFound;
    }

    async Task<LookUpAnswer> AskCriAsync(Socket socket, string id, CancellationToken cancellationToken)
    {
        var cri = socket.Cri;
        var listed = socket.Listed(id);
        if (listed is null && socket.TakeListing())
        {
            var all = await cri.ListContainersAsync(cancellationToken);
            socket.Keep(all?.Containers ?? []);
            listed = socket.Listed(id);
        }
        listed ??= await cri.FindContainerAsync(id, cancellationToken);
        Container? facts;
        ContainerStatusResponse? status = null;
        PodSandboxStatusResponse? sandbox;
        if (listed is null)
        {
            sandbox = await cri.SandboxStatusAsync(id, cancellationToken);
            if (sandbox?.Status is not { } own)
                return LookUpAnswer.NotFound;
            facts = _facts.OfSandbox(id, own);
        }
        else
        {
            status = await cri.ContainerStatusAsync(id, cancellationToken);
            sandbox = listed.PodSandboxId.Length is > 0 and <= 128
                ? await cri.SandboxStatusAsync(listed.PodSandboxId, cancellationToken)
                : null;
            var image = listed.ImageRef.Length > 0 ? listed.ImageRef : status?.Status?.ImageRef ?? "";
            facts = _facts.OfContainer(listed, status?.Status, sandbox?.Status,
                image.Length is > 0 and <= 512 ? await cri.ImageStatusAsync(image, cancellationToken) : null);
        }
        if (facts is null)
        {
            counters.Add(ContainerCounter.RuntimeRejected);
            return LookUpAnswer.NotFound;
        }
        var made = await MadeUnixNsAsync(CriScope, sandbox?.Status?.Id ?? "", cancellationToken);
        return LookUpAnswer.Found(facts) with { Network = _network.Of(facts.Workload.Namespace, status, sandbox, made) };
    }

    /// <summary>When runc had made the container, under containerd or by itself; 0 when it did not.</summary>
    async Task<long> MadeUnixNsAsync(string scope, string id, CancellationToken cancellationToken)
    {
        foreach (var root in endpoints.RuncNamespaceRoots.Select(root => Path.Combine(root, scope)).Concat(endpoints.RuncRoots))
        {
            if (await _runc.MadeUnixNsAsync(root, id, cancellationToken) is > 0 and var made)
                return made;
        }
        return 0;
    }

    /// <summary>runc's own word: on the CRI's containers only while the CRI is away, for it knows less.</summary>
    async Task<Container?> FindStateAsync(CgroupName name, bool away, CancellationToken cancellationToken)
    {
        if (name.Scope == CriScope && !away)
            return null;
        if (name.Scope.Length == 0)
        {
            foreach (var root in endpoints.RuncRoots)
            {
                if (await _runc.FindAsync(root, name.Id, cancellationToken) is { } found)
                    return found;
            }
            return null;
        }
        foreach (var root in endpoints.RuncNamespaceRoots)
        {
            if (await _runc.FindAsync(Path.Combine(root, name.Scope), name.Id, cancellationToken) is { } found)
            {
                if (found.Runtime == "runc")
                    found.Workload.Namespace = name.Scope;
                return found;
            }
        }
        return null;
    }

    /// <summary>One socket: it may serve the CRI, containerd's API, or both.</summary>
    sealed class Socket(string path, TimeSpan timeout, ContainerCounters counters, ResolvConf? files) : IDisposable
    {
        // Bounded by what one answer may hold; dropped when its life is over.
        Dictionary<string, CriContainer> _listed = [];
        long _listedAt;
        int _listing;

        public CriClient Cri { get; } = new(path, timeout);

        public ContainerdClient Containerd { get; } = new(path, timeout, counters, files);

        public CriContainer? Listed(string id)
        {
            var listed = Volatile.Read(ref _listed);
            if (listed.Count == 0)
                return null;
            if (Environment.TickCount64 - Volatile.Read(ref _listedAt) < ListLife.TotalMilliseconds)
                return listed.GetValueOrDefault(id);
            Volatile.Write(ref _listed, []);
            return null;
        }

        /// <summary>True once for whoever reaches a runtime first, and once again after it was lost.</summary>
        public bool TakeListing() => Interlocked.Exchange(ref _listing, 1) == 0;

        public void Keep(IEnumerable<CriContainer> containers)
        {
            var listed = new Dictionary<string, CriContainer>();
            foreach (var container in containers)
                listed.TryAdd(container.Id, container);
            Volatile.Write(ref _listedAt, Environment.TickCount64);
            Volatile.Write(ref _listed, listed);
        }

        public void Lost() => Volatile.Write(ref _listing, 0);

        public void Dispose()
        {
            Cri.Dispose();
            Containerd.Dispose();
        }
    }
}
