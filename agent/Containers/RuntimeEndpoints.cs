namespace RuntimeGuard.Agent.Containers;

/// <summary>Where container runtimes may be asked.</summary>
/// <param name="Sockets">Unix sockets that may serve the CRI or containerd's API.</param>
/// <param name="RuncRoots">Directories in which runc keeps <c>ID/state.json</c>.</param>
/// <param name="RuncNamespaceRoots">Directories in which containerd's shim keeps <c>NAMESPACE/ID/state.json</c>.</param>
/// <param name="Given">The sockets were named by a person: one that does not exist is away, not absent.</param>
sealed record RuntimeEndpoints(
    IReadOnlyList<string> Sockets, IReadOnlyList<string> RuncRoots, IReadOnlyList<string> RuncNamespaceRoots, bool Given)
{
    const string Scheme = "unix://";

    /// <summary>Where distributions, k3s, microk8s and CRI-O put theirs.</summary>
    public static RuntimeEndpoints Standard { get; } = new(
        [
            "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock",
            "/var/snap/microk8s/common/run/containerd.sock", "/run/docker/containerd/containerd.sock",
        ],
        ["/run/runc"],
        ["/run/containerd/runc", "/run/k3s/containerd/runc", "/run/docker/runtime-runc", "/run/docker/containerd/runc"],
        Given: false);

    /// <summary>The one endpoint a person gave: <c>unix:///PATH</c> or an absolute path.</summary>
    /// <exception cref="FormatException">It is neither; the message names it and what is accepted.</exception>
    public static RuntimeEndpoints Of(string criEndpoint)
    {
        var path = criEndpoint.StartsWith(Scheme, StringComparison.Ordinal) ? criEndpoint[Scheme.Length..] : criEndpoint;
        // sun_path holds 108 bytes with its terminator.
        if (!path.StartsWith('/') || System.Text.Encoding.UTF8.GetByteCount(path) > 107 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new FormatException(
                $"--cri-endpoint {RuntimeText.Clean(criEndpoint, 120)}: give unix:///ABSOLUTE/PATH of at most 107 bytes");
        }
        var beside = Path.Combine(Path.GetDirectoryName(path) ?? "/", "runc");
        return new([path], Standard.RuncRoots, [beside, .. Standard.RuncNamespaceRoots], Given: true);
    }
}
