using Microsoft.Extensions.Logging;

namespace RuntimeGuard.Agent;

/// <summary>Where an event or an answer can be lost in user space, in path order. Names are stable: screens and metrics use them.</summary>
enum Counter
{
    Events,
    Malformed,
    UnknownKind,
    ParkedFull,
    Unattributed,
    RuntimeSetup,
    UnknownProcess,
    ProcessesRefused,
    ProcessesEvicted,
    TasksFull,
    CgroupsFull,
    ArgumentsRedacted,
    /// <summary>Packets of port 53 that hold no DNS question or answer.</summary>
    DnsMalformed,
    /// <summary>Answers of servers the runtime did not give to the container: they name nothing.</summary>
    DnsUntrusted,
    /// <summary>Answers to what the container did not ask, or asked too long ago.</summary>
    DnsUnasked,
    /// <summary>Questions whose process is not known.</summary>
    DnsUnknownAsker,
    /// <summary>Names of addresses given up, or not taken, because a table was full.</summary>
    NamesEvicted,
    ActivityFull,
    AnomalyQueueFull,
    RecordQueueFull,
    AnomalySpoolFull,
    RecordSpoolFull,
    SpoolTorn,
    SpoolFailed,
    AnomalyRate,
    DiskFailed,
    ControlQueueFull,
    ModelHoldExpired,
    BaselineFileRefused,
    NameFileRefused,
    BaselinesEvicted,
    BehavioursEvicted,
    BehavioursRefused,
    JudgedEvicted,
    NamesRefused,
    ModelContainersEvicted,
    EvidenceRefused,
    EvidenceRefusedByCollector,
    Anomalies,
}

/// <summary>Monotonic since start. Each counter has one writing thread or is added to with <see cref="Add"/>; any may read.</summary>
sealed class Counters
{
    static readonly string[] Names = [.. Enum.GetNames<Counter>().Select(SnakeCase)];

    readonly long[] _values = new long[Enum.GetValues<Counter>().Length];

    public long this[Counter counter]
    {
        get => Volatile.Read(ref _values[(int)counter]);
        set => Volatile.Write(ref _values[(int)counter], value);
    }

    public void Add(Counter counter, long n = 1) => Interlocked.Add(ref _values[(int)counter], n);

    public static string NameOf(Counter counter) => Names[(int)counter];

    public IEnumerable<(string Name, long Value)> All()
    {
        for (var i = 0; i < _values.Length; i++)
            yield return (Names[i], Volatile.Read(ref _values[i]));
    }

    static string SnakeCase(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "_" : "") + char.ToLowerInvariant(c) : c.ToString()));
}

/// <summary>Every log line of the agent, in path order. No line per event anywhere.</summary>
static partial class AgentLog
{
    [LoggerMessage(1, LogLevel.Information, "runtimeguard-agent {Version} on node {Node}, kernel {Kernel}; collector {Collector}")]
    public static partial void Starting(this ILogger log, string version, string node, string kernel, string collector);

    [LoggerMessage(2, LogLevel.Information, "watching: {Seen} event kinds seen, {Blind} blind ({Names})")]
    public static partial void Hooks(this ILogger log, int seen, int blind, string names);

    [LoggerMessage(5, LogLevel.Information, "preflight: cgroups {Cgroups}; active LSMs {Lsms}; runtime sockets {Sockets}; program types that fire: {Types}")]
    public static partial void Preflight(this ILogger log, string cgroups, string lsms, string sockets, string types);

    [LoggerMessage(3, LogLevel.Information, "snapshot: {Cgroups} cgroups, {Processes} processes were there before the agent")]
    public static partial void Snapshot(this ILogger log, int cgroups, int processes);

    [LoggerMessage(4, LogLevel.Information, "memory: worst case {Mebibytes} MiB ({Breakdown})")]
    public static partial void WorstCase(this ILogger log, long mebibytes, string breakdown);

    [LoggerMessage(12, LogLevel.Warning, "baseline file refused: {Files} damaged or of another format; the previous copies are used")]
    public static partial void BaselineFilesRefused(this ILogger log, int files);

    [LoggerMessage(13, LogLevel.Warning, "names file refused: {Files} damaged or of another format; the previous copies are used")]
    public static partial void NameFilesRefused(this ILogger log, int files);

    [LoggerMessage(14, LogLevel.Error, "names of containers' peers could not be read: {Error}; they are named by what they resolve from now on")]
    public static partial void NamesNotLoaded(this ILogger log, string error);

    [LoggerMessage(20, LogLevel.Information, "connected to collector {Collector}; it has anomalies up to {Anomalies} and records up to {Records}")]
    public static partial void Connected(this ILogger log, string collector, ulong anomalies, ulong records);

    [LoggerMessage(21, LogLevel.Warning, "collector {Collector} away: {Error}; next try in {Seconds:0.0} s, judging goes on")]
    public static partial void Disconnected(this ILogger log, string collector, string error, double seconds);

    [LoggerMessage(22, LogLevel.Error, "collector {Collector} scales time by {Scale}; refused without --allow-time-scale")]
    public static partial void TimeScaleRefused(this ILogger log, string collector, double scale);

    [LoggerMessage(24, LogLevel.Warning, "a damaged spool was set aside as {Path}; what it held unsent is recorded as a gap")]
    public static partial void SpoolSetAside(this ILogger log, string path);

    [LoggerMessage(25, LogLevel.Warning, "the agent did not watch from {From:O} to {To:O}; recorded as blind coverage")]
    public static partial void RestartGap(this ILogger log, DateTimeOffset from, DateTimeOffset to);

    [LoggerMessage(26, LogLevel.Error, "baselines could not be saved: {Error}; they are kept in memory and tried again")]
    public static partial void SaveFailed(this ILogger log, string error);

    [LoggerMessage(27, LogLevel.Error, "names of containers' peers could not be saved: {Error}; they are kept in memory and tried again")]
    public static partial void NamesNotSaved(this ILogger log, string error);

    [LoggerMessage(30, LogLevel.Information, "stopping on signal {Signal}")]
    public static partial void Stopping(this ILogger log, string signal);
}
