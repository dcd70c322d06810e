namespace RuntimeGuard.Agent.Names;

/// <summary>
/// What one container's peers are called: by the answers of its own nameservers, then by the services its runtime told of.
/// Loop thread only.
/// </summary>
/// <param name="nameservers">Those the runtime gave it; none: no answer names anything.</param>
/// <param name="services">Fixed for the container's life.</param>
/// <param name="hostNetwork">Inode number of the host's network namespace.</param>
sealed class ContainerNames(
    UInt128[] nameservers, Dictionary<UInt128, byte[]> services, NameBudget budget, uint hostNetwork) : IDisposable
{
    readonly NameTable _answers = new(budget);
    Questions? _questions;

    public int Count => _answers.Count;

    /// <inheritdoc cref="NameTable.Change"/>
    public NameChange Change
    {
        get => _answers.Change;
        set => _answers.Change = value;
    }

    /// <inheritdoc cref="NameTable.Living"/>
    public IReadOnlyList<KeptName> Living(ulong nowNs) => _answers.Living(nowNs);

    /// <summary>Takes the names it had before; what it has learned since counts more.</summary>
    public void Restore(IReadOnlyList<KeptName> kept, ulong nowNs)
    {
        foreach (var name in kept)
            _answers.Restore(name, nowNs);
    }

    /// <summary>
    /// May what this server says name anything? It must be one of the runtime's, and its packets must come from outside of
    /// the container's network: over a loopback device of its own a container can be any server. On the host's network the
    /// loopback is the host's, where the port is taken by the resolver that is there.
    /// </summary>
    public bool Trusts(UInt128 server, uint network, bool overLoopback) =>
        Array.IndexOf(nameservers, server) >= 0
        && ((network != 0 && network == hostNetwork) || !(overLoopback || PeerAddress.IsLoopback(server)));

    public void Asked(in DnsMessage question, ushort clientPort, UInt128 server, ulong nowNs) =>
        (_questions ??= new()).Add(question.Id, clientPort, server, question.Name, nowNs);

    /// <summary>Takes the addresses of an answer of a trusted server; false when nobody here asked for it.</summary>
    public bool Answered(in DnsMessage answer, ushort clientPort, UInt128 server, ulong nowNs)
    {
        if (_questions is null || !_questions.TryTake(answer.Id, clientPort, server, answer.Name, nowNs))
            return false;
        if (answer.ResponseCode != 0 || answer.Name.IsEmpty)
            return true;
        Span<DnsAddress> addresses = stackalloc DnsAddress[DnsMessage.MostAddresses];
        foreach (var found in addresses[..answer.ReadAddresses(addresses)])
            Learn(found.Address, answer.Name, found.TtlSeconds, nowNs);
        return true;
    }

    internal void Learn(UInt128 address, ReadOnlySpan<byte> name, uint ttlSeconds, ulong nowNs) =>
        _answers.Put(address, name, ttlSeconds, nowNs);

    /// <summary>Hot path: no allocation. The span is valid until the next answer.</summary>
    public bool TryGet(UInt128 address, ulong nowNs, out ReadOnlySpan<byte> name)
    {
        if (_answers.TryGet(address, nowNs, out name))
            return true;
        if (services.Count == 0 || !services.TryGetValue(address, out var service))
            return false;
        name = service;
        return true;
    }

    public void Dispose() => _answers.Dispose();
}
