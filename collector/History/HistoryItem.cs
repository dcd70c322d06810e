using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>One row as it is stored: flat, no nulls, times in Unix nanoseconds. Strings hold no U+0000.</summary>
sealed record HistoryItem
{
    /// <summary>Between arguments in <see cref="Args"/>; one inside an argument would split it, which loses nothing.</summary>
    public const char ArgumentSeparator = '\u001f';

    public required HistoryKind Kind { get; init; }
    public required long TimeUnixNs { get; init; }
    public required long LastUnixNs { get; init; }
    public required long ReceivedUnixNs { get; init; }
    public required string Node { get; init; }
    /// <summary>As known when the row came; only the id when nothing was.</summary>
    public Container Container { get; init; } = new();
    public Process Process { get; init; } = new();
    public EventKind Event { get; init; }
    public BehaviourClass Class { get; init; }
    public string Subject { get; init; } = "";
    public string Behaviour { get; init; } = "";
    public string Peer { get; init; } = "";
    public uint Port { get; init; }
    public ulong Count { get; init; } = 1;
    public double Score { get; init; }
    public string Rule { get; init; } = "";
    public string Detail { get; init; } = "";
    /// <summary>JSON of the whole message where columns do not hold it: coverage, gap, container.</summary>
    public string Extra { get; init; } = "";

    public string Args => string.Join(ArgumentSeparator, Process.Args);
}
