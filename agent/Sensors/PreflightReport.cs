using System.Text.Json.Serialization;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>What this host offers the sensors. Field names of the JSON form are stable.</summary>
sealed record PreflightReport
{
    public required string Kernel { get; init; }
    /// <summary>Whether the kernel describes its types (/sys/kernel/btf/vmlinux), which CO-RE needs.</summary>
    public required bool Btf { get; init; }
    /// <summary>v1, v2, hybrid or none.</summary>
    public required string CgroupVersion { get; init; }
    public required string CgroupV2Mount { get; init; }
    public required IReadOnlyList<string> ActiveLsms { get; init; }
    public required IReadOnlyList<string> RuntimeSockets { get; init; }
    /// <summary>Effective ones of this process.</summary>
    public required IReadOnlyList<string> Capabilities { get; init; }
    public required IReadOnlyList<ProgramTypeStatus> ProgramTypes { get; init; }
    /// <summary>Each kind of event and the hook that sees it, or why it is blind.</summary>
    public required IReadOnlyList<HookStatus> Events { get; init; }
    public required bool SensorRuns { get; init; }
    /// <summary>Why the sensor does not run, or "".</summary>
    public required string SensorProblem { get; init; }
    /// <summary>What could not be found out, each with its reason.</summary>
    public required IReadOnlyList<string> Unknown { get; init; }
}

/// <summary>Whether one BPF program type loads here, and whether it was seen to run; the problem is "" when it was.</summary>
sealed record ProgramTypeStatus(string Type, bool Loads, bool Fires, string Problem);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PreflightReport))]
sealed partial class PreflightJson : JsonSerializerContext;
