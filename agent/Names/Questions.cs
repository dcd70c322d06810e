using System.IO.Hashing;

namespace RuntimeGuard.Agent.Names;

/// <summary>What one container asked and has no answer to yet. Bounded; drop policy: the oldest makes room. Loop thread only.</summary>
sealed class Questions
{
    /// <summary>Questions under way at once.</summary>
    public const int Capacity = 128;

    /// <summary>A later answer is nobody's: resolvers have given up by then.</summary>
    public const ulong LongestNs = 30_000_000_000;

    readonly Question[] _asked = new Question[Capacity];
    int _next;

    public void Add(ushort id, ushort clientPort, UInt128 server, ReadOnlySpan<byte> name, ulong nowNs)
    {
        _asked[_next] = new Question(server, XxHash64.HashToUInt64(name), nowNs, id, clientPort, true);
        _next = (_next + 1) % Capacity;
    }

    /// <summary>True once for each question: the answer is to what was asked, and from whom it was asked of.</summary>
    public bool TryTake(ushort id, ushort clientPort, UInt128 server, ReadOnlySpan<byte> name, ulong nowNs)
    {
        var hash = XxHash64.HashToUInt64(name);
        foreach (ref var asked in _asked.AsSpan())
        {
            if (!asked.Open || asked.Id != id || asked.ClientPort != clientPort || asked.Server != server || asked.Name != hash)
                continue;
            var age = nowNs - Math.Min(asked.AtNs, nowNs);
            asked = default;
            if (age <= LongestNs)
                return true;
        }
        return false;
    }

    readonly record struct Question(UInt128 Server, ulong Name, ulong AtNs, ushort Id, ushort ClientPort, bool Open);
}
