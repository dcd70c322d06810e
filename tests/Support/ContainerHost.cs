using System.Diagnostics;
using Grpc.Net.Client;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Tests.Cri;

namespace RuntimeGuard.Tests.Support;

/// <summary>
/// A private container node: containerd with its CRI under a directory of its own, overlayfs, images made here. Nothing
/// of it is shared with another runtime or another run, and all of it is gone after DisposeAsync; what a run that was
/// killed left behind is cleared by the next.
/// </summary>
public sealed class ContainerHost : IAsyncDisposable
{
    readonly GrpcChannel _channel;
    readonly RuntimeService.RuntimeServiceClient _runtime;
    Process _containerd;
    int _names;

    ContainerHost(string directory)
    {
        DirectoryPath = directory;
        Suffix = Path.GetFileName(directory)[BedRemains.Prefix.Length..];
        _containerd = StartContainerd();
        _channel = UnixChannel.Create(Socket, 16 << 20);
        _runtime = new(_channel);
    }

    public string DirectoryPath { get; }

    /// <summary>Tells this node's names from those of other runs on the same machine.</summary>
    public string Suffix { get; }

    /// <summary>containerd's socket: its own API and the CRI.</summary>
    public string Socket => Path.Combine(DirectoryPath, "containerd.sock");

    /// <summary>As an agent's --cri-endpoint takes it.</summary>
    public string CriEndpoint => $"unix://{Socket}";

    /// <summary>containerd namespace of containers started with ctr; also their workload namespace.</summary>
    public string PlainNamespace => $"lab-{Suffix}";

    /// <summary>Cgroup below which this node's pods live, on every hierarchy.</summary>
    public string PodCgroup => $"/kubepods/rg-{Suffix}";

    public static async Task<ContainerHost> StartAsync()
    {
        if (!Environment.IsPrivilegedProcess)
            throw new InvalidOperationException("container tests need root: sudo tests/run");
        await BedRemains.ClearAsync();
        var directory = Directory.CreateTempSubdirectory(BedRemains.Prefix).FullName;
        BedRemains.Claim(directory);
        await File.WriteAllTextAsync(Path.Combine(directory, "config.toml"), Config(directory));
        var host = new ContainerHost(directory);
        try
        {
            await host.ReadyAsync();
            await host.ImportAsync();
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends containerd as a crash does; containers run on under their shims.</summary>
    public async Task KillRuntimeAsync()
    {
        _containerd.Kill();
        await _containerd.WaitForExitAsync();
        _containerd.Dispose();
    }

    public async Task RestartRuntimeAsync()
    {
        _containerd = StartContainerd();
        await ReadyAsync();
    }

    /// <summary>Runs a pod of one container on the host's network.</summary>
    public async Task<PodContainer> RunPodAsync(PodSpec spec)
    {
        var name = $"{spec.Container}-{Interlocked.Increment(ref _names)}";
        var pod = new PodContainer(_runtime, spec, name, $"{PodCgroup}/pod{Guid.NewGuid():D}");
        await pod.StartAsync();
        return pod;
    }

    /// <summary>Runs a container with plain ctr, past the CRI, on the host's network.</summary>
    public async Task<PlainContainer> RunPlainAsync(string image, params string[] command)
    {
        var id = $"plain-{Interlocked.Increment(ref _names)}-{Suffix}";
        (await CtrAsync(
            PlainNamespace, ["run", "--detach", "--net-host", "--runc-root", RuncRoot, image, id, .. command])).Succeeded();
        return new(this, id);
    }

    public Task<CommandResult> CtrAsync(string ns, params string[] arguments) =>
        Command.RunAsync("ctr", ["--address", Socket, "--namespace", ns, .. arguments]);

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        if (!_containerd.HasExited)
            await KillRuntimeAsync();
        await BedRemains.ClearAsync(DirectoryPath);
    }

    string RuncRoot => Path.Combine(DirectoryPath, "runc");

    async Task ReadyAsync()
    {
        await Eventually.HoldsAsync("containerd answers", async () =>
        {
            if (_containerd.HasExited)
            {
                throw new InvalidOperationException(
                    $"containerd ended: {await File.ReadAllTextAsync(Path.Combine(DirectoryPath, "containerd.log"))}");
            }
            return (await CtrAsync("k8s.io", "version")).ExitCode == 0;
        });
        await Eventually.HoldsAsync("the CRI answers", async () =>
        {
            try
            {
                await _runtime.ListPodSandboxAsync(new(), deadline: DateTime.UtcNow.AddSeconds(5));
                return true;
            }
            catch (Grpc.Core.RpcException)
            {
                return false;
            }
        });
    }

    async Task ImportAsync()
    {
        var images = new ImageService.ImageServiceClient(_channel);
        foreach (var archive in await TestImages.BuildAsync(DirectoryPath))
        {
            (await CtrAsync("k8s.io", "images", "import", archive)).Succeeded();
            (await CtrAsync(PlainNamespace, "images", "import", archive)).Succeeded();
        }
        // The CRI learns of images by containerd's events.
        foreach (var image in new[] { TestImages.Pause, TestImages.Shop, TestImages.ShopNext })
        {
            await Eventually.HoldsAsync($"the CRI knows {image}", async () =>
                (await images.ImageStatusAsync(new() { Image = new() { Image = image } })).Image is not null);
        }
    }

    Process StartContainerd()
    {
        // Through a shell for the redirection alone; exec keeps the pid.
        var start = new ProcessStartInfo("/bin/sh",
            ["-c", "exec containerd --config \"$0/config.toml\" >>\"$0/containerd.log\" 2>&1", DirectoryPath]);
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        return Process.Start(start)!;
    }

    static string Config(string directory) => $"""
        version = 2
        root = "{directory}/root"
        state = "{directory}/state"
        [grpc]
          address = "{directory}/containerd.sock"
        [plugins."io.containerd.internal.v1.opt"]
          path = "{directory}/opt"
        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "{TestImages.Pause}"
          restrict_oom_score_adj = true
          [plugins."io.containerd.grpc.v1.cri".containerd]
            snapshotter = "overlayfs"
            [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
              runtime_type = "io.containerd.runc.v2"
              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
                Root = "{directory}/runc"
          [plugins."io.containerd.grpc.v1.cri".cni]
            bin_dir = "/usr/lib/cni"
            conf_dir = "{directory}/cni"
        """;
}
