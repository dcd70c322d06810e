using System.Net;

namespace RuntimeGuard.Agent.Containers;

/// <summary>An address and what it is called.</summary>
readonly record struct NamedAddress(IPAddress Address, string Name);

/// <summary>What the runtime itself said of a container's network when it started: nothing of it comes from inside.</summary>
/// <param name="Nameservers">Those the runtime gave it; empty when they are not known, and then no answer names anything.</param>
/// <param name="Services">Kubernetes services of its namespace, from the environment the kubelet gave it.</param>
/// <param name="OwnPod">Its pod's own addresses, named after what the pod belongs to; empty on the host's network.</param>
sealed record NetworkFacts(
    IReadOnlyList<IPAddress> Nameservers, IReadOnlyList<NamedAddress> Services, IReadOnlyList<NamedAddress> OwnPod)
{
    public static NetworkFacts None { get; } = new([], [], []);
}
