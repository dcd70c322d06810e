namespace RuntimeGuard.Agent.Sensors;

/// <summary>How much the kernel side may hold and send.</summary>
sealed record BpfSensorOptions
{
    /// <summary>A power of two and a multiple of the page size; the memory is mapped twice.</summary>
    public uint VitalRingBytes { get; init; } = 4 << 20;

    public uint BulkRingBytes { get; init; } = 8 << 20;
}

/// <summary>Events not delivered: whose (0: nobody's yet), which class, why; monotonic while the sensor lives.</summary>
readonly record struct LossCounter(uint Slot, string Class, string Cause, ulong Count);

/// <summary>What sees one kind of event; an empty hook is blind, and the reason says why.</summary>
sealed record HookStatus(string Event, string Hook, string BlindReason);

/// <summary>The kernel side cannot run here: what failed, the errno's text, and the remedy.</summary>
sealed class SensorException(string message) : Exception(message);
