using System.Net;
using RuntimeGuard.Proto.Cri;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// What a CRI says of a pod's network. Nameservers: those of the kubelet's configuration, which nobody inside can reach;
/// where the runtime keeps none, those of the file it mounts. Any thread.
/// </summary>
sealed class CriNetwork(ResolvConf? files)
{
    const string Info = "info";

    /// <param name="ns">The pod's namespace.</param>
    /// <param name="container">Null: of the sandbox itself.</param>
    /// <param name="sandbox">Null when the runtime knows it no more.</param>
    /// <param name="sandboxMadeUnixNs">When runc had made the sandbox, before any container of the pod; 0: not known.</param>
    public NetworkFacts Of(string ns, ContainerStatusResponse? container, PodSandboxStatusResponse? sandbox, long sandboxMadeUnixNs)
    {
        var spec = container is not null && container.Info.TryGetValue(Info, out var words)
            ? RuntimeSpec.OfContainerInfo(words) : new RuntimeSpec();
        var nameservers = sandbox is not null && sandbox.Info.TryGetValue(Info, out var pod)
            ? RuntimeSpec.OfSandboxInfo(pod).Nameservers : [];
        if (nameservers.Count == 0 && files is not null && spec.ResolvConf.Length > 0)
            nameservers = files.Read(spec.ResolvConf, sandboxMadeUnixNs);
        return new NetworkFacts(nameservers, spec.Services(ns), OwnPod(ns, sandbox?.Status));
    }

    static IReadOnlyList<NamedAddress> OwnPod(string ns, PodSandboxStatus? pod)
    {
        if (pod?.Network is not { } network || pod.Linux?.Namespaces?.Options?.Network == NamespaceMode.Node)
            return [];
        var name = RuntimeText.Clean($"{PodOwner.Of(pod.Metadata?.Name ?? "", pod.Labels)}.{ns}.pod", RuntimeText.MaxName);
        return [.. network.AdditionalIps.Select(i => i.Ip).Prepend(network.Ip).Take(4)
            .Select(ip => AddressText.TryParse(ip, out var address) ? address : null).OfType<IPAddress>()
            .Where(address => !IPAddress.IsLoopback(address)).Select(address => new NamedAddress(address, name))];
    }
}
