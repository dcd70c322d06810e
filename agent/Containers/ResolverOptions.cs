namespace RuntimeGuard.Agent.Containers;

/// <summary>Bounds and times of identity; every default is what production uses.</summary>
sealed record ResolverOptions
{
    /// <summary>Most containers known at once, dead ones included.</summary>
    public int MaxContainers { get; init; } = 4096;

    /// <summary>Most cgroups known at once; nested cgroups of a container count here and not as containers.</summary>
    public int MaxCgroups { get; init; } = 8192;

    /// <summary>Nested cgroups of one container or user; more run unwatched by name, their processes by lineage.</summary>
    public int MaxCgroupsPerContainer { get; init; } = 512;

    /// <summary>Parked samples of one container.</summary>
    public int ParkedSamplesPerContainer { get; init; } = 2048;

    public int ParkedBytesPerContainer { get; init; } = 1 << 20;

    public int ParkedBytesTotal { get; init; } = 16 << 20;

    /// <summary>Look-ups running at once.</summary>
    public int ConcurrentLookUps { get; init; } = 8;

    /// <summary>How long samples wait for an answer before they are judged under the fallback identity.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a cgroup that only may be a container is asked about: runc writes its state after it made the cgroup.
    /// </summary>
    public TimeSpan CandidateGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long "no such container" is taken for "not yet": the CRI knows a sandbox only once it runs.</summary>
    public TimeSpan NotFoundGrace { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a dead container's identity is kept.</summary>
    public TimeSpan KeepDead { get; init; } = TimeSpan.FromMinutes(5);

    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromMilliseconds(50);

    public TimeSpan MaxRetry { get; init; } = TimeSpan.FromSeconds(10);
}
