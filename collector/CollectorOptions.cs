using System.Net;

namespace RuntimeGuard.Collector;

/// <summary>Every setting of `serve`, its unit in its type, its default here and nowhere else.</summary>
public sealed record CollectorOptions
{
    public required DataDirectory Data { get; init; }

    /// <summary>Agents and enrolment: TLS with client certificates. Port 0 takes any free port.</summary>
    public IPEndPoint AgentListen { get; init; } = new(IPAddress.Any, 7443);

    /// <summary>People: gRPC console API, health, metrics, reflection.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Any, 7444);

    /// <summary>
    /// After how long a new workload is locked, in model time: divided by <see cref="TimeScale"/> on the wall clock. Null: never
    /// by time, each class learns until its evidence suffices.
    /// </summary>
    public TimeSpan? LearningDuration { get; init; }

    /// <summary>How much faster than the wall clock the models' time runs; 1 except in tests and demo.</summary>
    public double TimeScale { get; init; } = 1;

    public StateLimits StateLimits { get; init; } = new();

    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromDays(14);

    public long HistoryBytes { get; init; } = 20L << 30;

    /// <summary>A connected agent that has not been heard for this long is silent: three missed heartbeats of 5 s.</summary>
    public TimeSpan SilentAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A duration of model time as it passes on the wall clock.</summary>
    public TimeSpan OnWallClock(TimeSpan modelTime) => modelTime / TimeScale;

    /// <summary><see cref="LearningDuration"/> on the wall clock.</summary>
    public TimeSpan? LearningOnWallClock => LearningDuration is { } duration ? OnWallClock(duration) : null;
}

/// <summary>
/// Bounds of the state store. At 4 kB, which an anomaly typically has, anomalies take 4 GB of disk; those of a hostile
/// node may have up to <see cref="Gateway.WireLimits.AnomalyBytes"/> each.
/// </summary>
public sealed record StateLimits
{
    public TimeSpan Age { get; init; } = TimeSpan.FromDays(90);

    public int Alerts { get; init; } = 100_000;

    public long Anomalies { get; init; } = 1_000_000;

    /// <summary>Rows of the audit trail, about 200 bytes each; the oldest go first.</summary>
    public long Audit { get; init; } = 1_000_000;

    /// <summary>Enrolled nodes; a revoked one makes room for a new one.</summary>
    public int Nodes { get; init; } = 10_000;
}
