namespace RuntimeGuard.Tests.Fleet;

/// <summary>A synthetic fleet: what runs, what changes and what is attacked. The same plan gives the same events.</summary>
sealed record FleetPlan
{
    public const long Second = 1_000_000_000;
    public const long Hour = 3600 * Second;
    public const long Day = 24 * Hour;

    /// <summary>A Monday, 00:00 UTC.</summary>
    public const long Start = 20_003 * Day;

    public required ulong Seed { get; init; }

    public required double Days { get; init; }

    public int Nodes { get; init; } = 3;

    public required IReadOnlyList<FleetWorkload> Workloads { get; init; }

    public IReadOnlyList<FleetAttack> Attacks { get; init; } = [];

    public long EndNs => Start + (long)(Days * Day);
}

/// <summary>One image in one namespace.</summary>
/// <param name="Vocabulary">Behaviours it has; how often each happens falls by Zipf's law.</param>
/// <param name="Skew">Exponent of that law: large means few common ones and a thin tail.</param>
/// <param name="EventsPerHour">Per container, mean of a Poisson law.</param>
sealed record FleetWorkload(string Name, int Replicas, int Vocabulary, double Skew, double EventsPerHour)
{
    /// <summary>Replicas take turns in these: a third of the behaviours is everybody's, the rest is shared out between the roles.</summary>
    public int Roles { get; init; } = 1;

    /// <summary>Log rotation at 03:00 every day.</summary>
    public bool DailyJob { get; init; }

    /// <summary>A backup on Sundays at 04:00, on one replica.</summary>
    public bool WeeklyJob { get; init; }

    /// <summary>Days at which all replicas are replaced by a new digest.</summary>
    public IReadOnlyList<int> Rollouts { get; init; } = [];

    /// <summary>Behaviours that come with each rollout, common from then on.</summary>
    public int NewPerRollout { get; init; } = 4;

    /// <summary>From this day on there are more replicas.</summary>
    public (int Day, int Replicas)? ScaleOut { get; init; }

    /// <summary>A function of the image that nobody used before this day, with so many behaviours; no new version comes with it.</summary>
    public (int Day, int Behaviours)? Function { get; init; }

    /// <summary>From this day on a new behaviour comes every day and stays.</summary>
    public int? DriftFromDay { get; init; }
}

/// <summary>An attack on one or more replicas of a workload.</summary>
/// <param name="Kind">A name of <see cref="FleetAttacks.Kinds"/>.</param>
/// <param name="Workload">Its number in the plan.</param>
/// <param name="Replica">The first one attacked.</param>
/// <param name="Spread">So many replicas, minutes apart: a worm.</param>
sealed record FleetAttack(string Kind, int Workload, int Replica, long AtNs, int Spread = 1);
