using System.Net;
using System.Text;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Names;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>What peers are called: questions and answers as the packets had them, and what the runtimes told.</summary>
sealed partial class Pipeline
{
    readonly PodNames _pods = new();
    readonly byte[] _askedName = new byte[DnsName.Longest];

    bool OnDns(WatchedContainer container, ReadOnlySpan<byte> sample)
    {
        if (!DnsEvent.TryRead(sample, out var e))
            return false;
        if (!DnsMessage.TryRead(e.Message, _askedName, out var message) || message.IsAnswer != e.IsAnswer)
        {
            // No DNS, whatever the port: who it was sent to is told by the send itself.
            _counters[Counter.DnsMalformed]++;
            return true;
        }
        var server = PeerAddress.Of(e.Server);
        var trusted = container.Names.Trusts(server, e.NetNamespace, e.OverLoopback);
        if (e.IsAnswer)
        {
            if (!trusted)
                _counters[Counter.DnsUntrusted]++;
            else if (!container.Names.Answered(message, e.ClientPort, server, e.Header.TimeNs))
                _counters[Counter.DnsUnasked]++;
            CountEvicted();
            return true;
        }
        if (trusted)
            container.Names.Asked(message, e.ClientPort, server, e.Header.TimeNs);
        if (!message.Name.IsEmpty)
            ObserveQuestion(container, e, message.Name);
        return true;
    }

    void ObserveQuestion(WatchedContainer container, in DnsEvent e, ReadOnlySpan<byte> name)
    {
        var node = e.Header.Pid == 0 ? container.UnknownProcess(UnknownActor) : ActingNode(container, e.Header);
        if (node is null)
            return;
        if (e.Header.Pid == 0)
            _counters[Counter.DnsUnknownAsker]++;
        Observe(container, node, e.Header, new ContainerEvent
        {
            TimeNs = _models.Clock.FromUnix(_reporter.UnixNs(e.Header.TimeNs)),
            Kind = EventKind.Dns,
            Container = container.Facts,
            Actor = ActorOf(node, e.Header),
            Flags = RoleOf(node),
            Name = name,
            Protocol = Udp,
            Uid = node.Uid,
            Lineage = LineageOf(node),
        });
    }

    /// <summary>An answer of the container's own nameservers, a service it was told of, a pod of this node; else empty.</summary>
    ReadOnlySpan<byte> NameOf(WatchedContainer container, ReadOnlySpan<byte> peer, ulong bootNs)
    {
        var address = PeerAddress.Of(peer);
        return address != 0 && (container.Names.TryGet(address, bootNs, out var name) || _pods.TryGet(address, out name)) ? name : default;
    }

    ContainerNames NamesOf(ContainerEntry entry, ulong nowBootNs)
    {
        var services = new Dictionary<UInt128, byte[]>();
        foreach (var (address, name) in entry.Network.Services)
            services.TryAdd(Number(address), Encoding.UTF8.GetBytes(name));
        foreach (var (address, name) in entry.Network.OwnPod)
            _pods.Put(Number(address), name, entry.Facts.PodUid);
        var names = new ContainerNames(
            [.. entry.Network.Nameservers.Select(Number)], services, _side.Names.Budget, _side.HostNetworkNamespace);
        if (entry.IsContainer && !entry.Removed)
            _side.Names.Follow(KeptAs(entry), names, nowBootNs);
        else
            ForgetNames(entry);
        CountEvicted();
        return names;
    }

    void CountEvicted() => _counters[Counter.NamesEvicted] = _side.Names.Budget.Evicted + _pods.Refused;

    void ForgetNames(ContainerEntry entry)
    {
        if (entry.Tag is WatchedContainer watched)
            _side.Names.Forget(KeptAs(entry), watched.Names);
    }

    /// <summary>The same before and after a restart; of what only may be a container, two may have the same id.</summary>
    static string KeptAs(ContainerEntry entry) =>
        entry.Name.Kind == CgroupKind.Container ? entry.Name.Id : entry.Name.Prefix;

    /// <summary>The pod's addresses go with its sandbox, whatever became of its containers.</summary>
    void ForgetPod(ContainerEntry entry)
    {
        if (entry.Facts.Workload?.Image == CriFacts.SandboxImage && entry.Facts.PodUid.Length > 0)
            _pods.Remove(entry.Facts.PodUid);
    }

    static UInt128 Number(IPAddress address) => PeerAddress.Of(address.GetAddressBytes());
}
