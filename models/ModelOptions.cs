namespace RuntimeGuard.Models;

/// <summary>
/// What an evaluation may switch off, to measure what it is worth. Production runs with <see cref="Default"/>; no agent
/// and no collector has an option for these. Immutable.
/// </summary>
public sealed record ModelOptions
{
    public static ModelOptions Default { get; } = new();

    /// <summary>Names never collapse into patterns.</summary>
    public bool NoGeneralisation { get; init; }

    /// <summary>Known or unknown is all that counts: while learning all is learned, after it every novelty alerts.</summary>
    public bool SetMembership { get; init; }

    /// <summary>All marks weigh the same (q1 = q0): e is the class's rate over its weight.</summary>
    public bool NoMarks { get; init; }

    /// <summary>Learning ends 24 hours after the first event, whatever was seen.</summary>
    public bool Fixed24Hours { get; init; }

    /// <summary>Events between alpha and the grey ceiling are never added up.</summary>
    public bool NoGreyZone { get; init; }

    /// <summary>All containers of a workload are one role.</summary>
    public bool NoRoles { get; init; }

    /// <summary>No back-off from actor to role to image when a behaviour is scored.</summary>
    public bool NoBackOff { get; init; }

    /// <summary>A scored novelty does not make its siblings cheaper.</summary>
    public bool NoPrequential { get; init; }

    /// <summary>Days and hours of the week are not asked for.</summary>
    public bool NoCalendar { get; init; }

    /// <summary>What is risky is learned like anything else.</summary>
    public bool NoQuarantine { get; init; }

    /// <summary>The grey zone forgets by a constant instead of by the workload's own rate.</summary>
    public bool FixedHalfLife { get; init; }

    /// <summary>An E-value at or below this alerts by itself; benign occurrences per container-day, above 0.</summary>
    public double Alpha { get; init; } = Marks.AlphaNow;

    /// <exception cref="ArgumentException">An alpha that is none.</exception>
    internal ModelOptions Checked()
    {
        if (!(Alpha > 0) || !double.IsFinite(Alpha))
            throw new ArgumentException($"alpha is {Alpha}; it is a number of alarms per container-day above 0", nameof(Alpha));
        return this;
    }
}
