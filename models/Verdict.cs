using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

public enum VerdictKind
{
    /// <summary>Every behaviour of the event was known.</summary>
    Known,
    /// <summary>New, and accepted as normal.</summary>
    Learned,
    /// <summary>New, not yet normal, not alarming by itself.</summary>
    Pending,
    /// <summary>Departs from the baseline: <see cref="Verdict.Anomaly"/> is set.</summary>
    Anomalous,
    /// <summary>Reduces to no behaviour (e.g. a read of an ordinary file).</summary>
    Ignored,
}

/// <summary>What <see cref="Baseline.Observe"/> says of one event.</summary>
/// <param name="Kind">The verdict on the most surprising behaviour of the event.</param>
/// <param name="Behaviour">Key of that behaviour, 0 when ignored; its text is kept by the baseline.</param>
/// <param name="Anomaly">
/// Set only when anomalous: class, subject, behaviour, summary, rule, technique and explanation are filled; who, where
/// and what was lost are the caller's to add.
/// </param>
public readonly record struct Verdict(VerdictKind Kind, ulong Behaviour, Anomaly? Anomaly);
