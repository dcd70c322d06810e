using System.Net.Sockets;
using System.Text;
using RuntimeGuard.Tests.Cri;

namespace RuntimeGuard.Tests.Support;

/// <summary>A pod of one container, as a kubelet would ask for it.</summary>
public sealed record PodSpec(string Namespace, string Image, params string[] Command)
{
    public string Container { get; init; } = "web";

    /// <summary>The pod's labels besides the kubelet's own.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Host path to path in the container.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<string> Capabilities { get; init; } = [];

    /// <summary>As the kubelet gives them to the pod; none: the runtime copies the host's.</summary>
    public IReadOnlyList<string> Nameservers { get; init; } = [];
}

/// <summary>A running pod and its container.</summary>
public sealed class PodContainer(RuntimeService.RuntimeServiceClient runtime, PodSpec spec, string pod, string cgroupParent)
{
    readonly string _uid = Path.GetFileName(cgroupParent)["pod".Length..];
    uint _attempt;

    /// <summary>The container's id: another one after <see cref="RestartAsync"/>.</summary>
    public string Id { get; private set; } = "";

    public string SandboxId { get; private set; } = "";

    public string Namespace => spec.Namespace;

    public string Pod => pod;

    public string Uid => _uid;

    public string Name => spec.Container;

    /// <summary>Runs a command in the container as kubectl exec does; output is at most what ExecSync returns.</summary>
    public async Task<CommandResult> ExecAsync(params string[] command)
    {
        var answer = await runtime.ExecSyncAsync(
            new() { ContainerId = Id, Cmd = { command }, Timeout = 30 }, deadline: DateTime.UtcNow.AddSeconds(40));
        return new(answer.ExitCode, answer.Stdout.ToStringUtf8(), answer.Stderr.ToStringUtf8());
    }

    /// <summary>Ends the container and starts another in the same pod, as a kubelet does after a crash.</summary>
    public async Task RestartAsync()
    {
        await runtime.StopContainerAsync(new() { ContainerId = Id, Timeout = 2 });
        await runtime.RemoveContainerAsync(new() { ContainerId = Id });
        await CreateAsync();
    }

    public async Task RemoveAsync()
    {
        await runtime.StopPodSandboxAsync(new() { PodSandboxId = SandboxId });
        await runtime.RemovePodSandboxAsync(new() { PodSandboxId = SandboxId });
    }

    internal async Task StartAsync()
    {
        SandboxId = (await runtime.RunPodSandboxAsync(new() { Config = Sandbox() })).PodSandboxId;
        await CreateAsync();
    }

    async Task CreateAsync()
    {
        var config = new ContainerConfig
        {
            Metadata = new() { Name = spec.Container, Attempt = _attempt++ },
            Image = new() { Image = spec.Image },
            Command = { spec.Command },
            Labels =
            {
                ["io.kubernetes.container.name"] = spec.Container,
                ["io.kubernetes.pod.name"] = pod,
                ["io.kubernetes.pod.namespace"] = spec.Namespace,
                ["io.kubernetes.pod.uid"] = _uid,
            },
            Linux = new() { SecurityContext = new() { Capabilities = new() { AddCapabilities = { spec.Capabilities } } } },
        };
        config.Linux.SecurityContext.NamespaceOptions = new() { Network = NamespaceMode.Node };
        foreach (var (from, to) in spec.Mounts)
            config.Mounts.Add(new Mount { HostPath = from, ContainerPath = to });
        Id = (await runtime.CreateContainerAsync(
            new() { PodSandboxId = SandboxId, Config = config, SandboxConfig = Sandbox() })).ContainerId;
        await runtime.StartContainerAsync(new() { ContainerId = Id });
    }

    PodSandboxConfig Sandbox()
    {
        var config = new PodSandboxConfig
        {
            Metadata = new() { Name = pod, Namespace = spec.Namespace, Uid = _uid },
            Labels =
            {
                ["io.kubernetes.pod.name"] = pod,
                ["io.kubernetes.pod.namespace"] = spec.Namespace,
                ["io.kubernetes.pod.uid"] = _uid,
            },
            Linux = new()
            {
                CgroupParent = cgroupParent,
                SecurityContext = new() { NamespaceOptions = new() { Network = NamespaceMode.Node } },
            },
        };
        foreach (var (key, value) in spec.Labels)
            config.Labels[key] = value;
        if (spec.Nameservers.Count > 0)
            config.DnsConfig = new() { Servers = { spec.Nameservers } };
        return config;
    }
}

/// <summary>A container started with ctr.</summary>
public sealed class PlainContainer(ContainerHost host, string id)
{
    public string Id => id;

    public Task<CommandResult> ExecAsync(params string[] command) =>
        host.CtrAsync(host.PlainNamespace, ["tasks", "exec", "--exec-id", $"x{Guid.NewGuid():N}", id, .. command]);

    public async Task RemoveAsync()
    {
        await host.CtrAsync(host.PlainNamespace, "tasks", "kill", "--signal", "SIGKILL", id);
        await Eventually.HoldsAsync($"{id} is removed", async () =>
        {
            await host.CtrAsync(host.PlainNamespace, "tasks", "rm", id);
            return (await host.CtrAsync(host.PlainNamespace, "containers", "rm", id)).ExitCode == 0;
        });
    }
}

/// <summary>Talks to the test application as its users do.</summary>
public static class ShopClient
{
    static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(20) };

    public static int FreePort()
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static Task ReadyAsync(int port) => Eventually.HoldsAsync($"the shop on port {port} answers", async () =>
    {
        try
        {
            await GetAsync(port, "/");
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    });

    public static Task<string> GetAsync(int port, string path) => Http.GetStringAsync($"http://127.0.0.1:{port}{path}");

    /// <summary>Goes through the hole: the command runs in a shell below the server.</summary>
    public static async Task<string> RunAsync(int port, string command)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(System.Net.IPAddress.Loopback, port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes($"GET /run?{command.Replace(' ', '+')} HTTP/1.0\r\n\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}
