using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

sealed partial class Reduction
{
    const int PrivateKnownPort = 0, PublicKnownPort = 1, NewPortOrNameless = 2, MetadataOrRuntime = 3;

    void ReducePeer(in ContainerEvent e, Generaliser generaliser, KeyTable<byte> knownLevels)
    {
        if (e.Peer.IsEmpty)
        {
            ReduceUnixPeer(e);
            return;
        }
        if (e.Peer.Length is not (4 or 16))
            return;
        var scope = PeerPattern.ScopeOf(e.Peer);
        var literal = Literal();
        literal.Add(PeerPattern.NameOfProtocol(e.Protocol));
        literal.Add((byte)' ');
        literal.Add(PeerPattern.NameOf(scope));
        literal.Add((byte)' ');
        // What gives out credentials to whoever asks is that by its address, whatever somebody calls it.
        var named = scope != PeerScope.Metadata && DomainName.IsName(e.Name);
        var start = literal.Length;
        if (named)
            DomainName.Write(e.Name, ref literal);
        else
            PeerPattern.WriteAddress(e.Peer, ref literal);
        var end = literal.Length;
        literal.Add((byte)':');
        PeerPattern.WritePort(e.Port, ref literal);
        ref var candidate = ref Start(BehaviourClass.NetOut, generaliser, literal);
        var text = Text(candidate.Text);
        candidate.Subject = KeyHash.Mix(KeyHash.Of(e.Peer), ((ulong)e.Protocol << 16) | e.Port);

        var key = literal.Length;
        PeerPattern.WritePortClass(e.Port, ref literal);
        var portClass = KeyHash.Of((ulong)scope, literal.Written[key..]);
        var peer = literal.Written[start..end];
        candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.NetOut, 0, e.Actor.Hash), text);
        // Levels nest: what is called by a name is of its domain, not of the network its address is in today.
        candidate.Levels[1] = named
            ? KeyHash.Of(Head(BehaviourClass.NetOut, 1, KeyHash.Mix(e.Actor.ExeHash, portClass)), DomainName.DomainOf(peer))
            : KeyHash.Of(Head(BehaviourClass.NetOut, 1, e.Actor.ExeHash), text);
        candidate.Levels[2] = KeyHash.Of(Head(BehaviourClass.NetOut, 2, portClass),
            named ? DomainName.DomainOf(peer) : PeerPattern.PrefixOf(peer));
        candidate.Levels[3] = KeyHash.Mix(Head(BehaviourClass.NetOut, 3, 0), portClass);
        // On a port the workload already uses a private peer is ordinary, and a public one that has a name.
        candidate.Mark = scope == PeerScope.Metadata ? MetadataOrRuntime
            : !knownLevels.Contains(candidate.Levels[3]) ? NewPortOrNameless
            : scope == PeerScope.Private ? PrivateKnownPort
            : named ? PublicKnownPort : NewPortOrNameless;
        Count++;
    }

    void ReduceUnixPeer(in ContainerEvent e)
    {
        if (e.Path.IsEmpty)
            return;
        var literal = Literal();
        literal.Add("unix "u8);
        PathPattern.Canonicalise(e.Path, ref literal);
        ref var candidate = ref Start(BehaviourClass.NetOut, null, literal);
        var text = Text(candidate.Text);
        var runtime = SensitivePaths.IsRuntimeSocket(e.Path);
        candidate.Mark = runtime ? MetadataOrRuntime : PrivateKnownPort;
        candidate.Rule = runtime ? CriticalRules.RuntimeSocket : null;
        candidate.Subject = KeyHash.Of(e.Path);
        candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.NetOut, 0, e.Actor.Hash), text);
        candidate.Levels[1] = KeyHash.Of(Head(BehaviourClass.NetOut, 1, e.Actor.ExeHash), text);
        candidate.Levels[2] = KeyHash.Of(Head(BehaviourClass.NetOut, 2, 0), text[..Math.Max(text.LastIndexOf((byte)'/'), 0)]);
        candidate.Levels[3] = Head(BehaviourClass.NetOut, 3, 0x756E_6978);
        Count++;
    }

    /// <summary>Listening on a port; accepting from a scope (the sensor's port of an accept is the client's, always ephemeral).</summary>
    void ReduceServing(in ContainerEvent e)
    {
        const int ephemeral = 0, newListenPort = 1;
        var literal = Literal();
        var listens = e.Kind == EventKind.Listen;
        literal.Add(listens ? "listen "u8 : "accept "u8);
        literal.Add(PeerPattern.NameOfProtocol(e.Protocol));
        literal.Add((byte)' ');
        if (e.Protocol == 0)
            PathPattern.Canonicalise(e.Path, ref literal);
        else if (listens)
            PeerPattern.WritePort(e.Port, ref literal);
        else
            literal.Add(PeerPattern.NameOf(PeerPattern.ScopeOf(e.Peer)));
        ref var candidate = ref Start(BehaviourClass.NetIn, null, literal);
        var text = Text(candidate.Text);
        candidate.Mark = listens && e.Protocol != 0 && !text.EndsWith(" eph"u8) ? newListenPort : ephemeral;
        candidate.Subject = KeyHash.Of(text);
        var portClass = listens ? e.Port < 1024 ? 1ul : 2ul : 3ul;
        candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.NetIn, 0, e.Actor.Hash), text);
        candidate.Levels[1] = KeyHash.Of(Head(BehaviourClass.NetIn, 1, e.Actor.ExeHash), text);
        candidate.Levels[2] = KeyHash.Of(Head(BehaviourClass.NetIn, 2, 0), text);
        candidate.Levels[3] = KeyHash.Mix(Head(BehaviourClass.NetIn, 3, e.Protocol), portClass);
        Count++;
    }
}
