namespace RuntimeGuard.Agent.Containers;

/// <summary>Every way identity can be late, wrong or lost. Written by the loop and by look-ups, read by the heartbeat.</summary>
sealed class ContainerCounters
{
    readonly long[] _values = new long[Names.Length];

    /// <summary>Stable names, in the order of <see cref="ContainerCounter"/>.</summary>
    public static readonly string[] Names =
    [
        "container_resolved", "container_fallback", "container_table_full", "container_conflict",
        "container_forgotten_parked", "park_dropped",
        "runtime_unavailable", "runtime_not_found", "runtime_rejected", "runtime_text_neutralised",
    ];

    public void Add(ContainerCounter counter, long n = 1) => Interlocked.Add(ref _values[(int)counter], n);

    public long this[ContainerCounter counter] => Interlocked.Read(ref _values[(int)counter]);
}

enum ContainerCounter
{
    /// <summary>Identities a runtime answered for.</summary>
    Resolved,
    /// <summary>Containers judged under their cgroup's path because no runtime answered in time.</summary>
    Fallback,
    /// <summary>Cgroups not entered because the table was full: their events are unattributed.</summary>
    TableFull,
    /// <summary>Cgroups that claimed the id of a container living elsewhere; they count as cgroups of the host.</summary>
    Conflict,
    /// <summary>Parked samples thrown away with an entry that was never released.</summary>
    ForgottenParked,
    /// <summary>Samples that found no parking space (newest dropped).</summary>
    ParkDropped,
    /// <summary>Look-ups that failed because a runtime did not answer in time or at all.</summary>
    RuntimeUnavailable,
    /// <summary>Look-ups every runtime said no to.</summary>
    RuntimeNotFound,
    /// <summary>Answers refused as a whole: too large, wrong id, not what was asked.</summary>
    RuntimeRejected,
    /// <summary>Texts in answers that were cut or had characters replaced.</summary>
    TextNeutralised,
}
