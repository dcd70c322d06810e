namespace RuntimeGuard.Agent.Names;

/// <summary>Addresses of the pods of this node, by what their runtime says they belong to. Bounded: a new one of a full table is counted and left out. Loop thread only.</summary>
sealed class PodNames
{
    /// <summary>Addresses; a node has some hundreds of pods at most.</summary>
    public const int Capacity = 4096;

    readonly Dictionary<UInt128, (byte[] Name, string PodUid)> _pods = [];

    /// <summary>Addresses left out because the table was full, since start.</summary>
    public long Refused { get; private set; }

    /// <summary>A later pod of the same address takes it over.</summary>
    public void Put(UInt128 address, string name, string podUid)
    {
        if (_pods.Count >= Capacity && !_pods.ContainsKey(address))
            Refused++;
        else
            _pods[address] = (System.Text.Encoding.UTF8.GetBytes(name), podUid);
    }

    /// <summary>The pod is gone.</summary>
    public void Remove(string podUid)
    {
        foreach (var (address, pod) in _pods)
            if (pod.PodUid == podUid)
                _pods.Remove(address);
    }

    public bool TryGet(UInt128 address, out ReadOnlySpan<byte> name)
    {
        var known = _pods.TryGetValue(address, out var pod);
        name = pod.Name;
        return known;
    }
}
