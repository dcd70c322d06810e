namespace RuntimeGuard.Models;

/// <summary>A container of a workload that runs now, and what of it is still to be decided by a person.</summary>
/// <param name="Id">The runtime's: one that crashed and came back is one.</param>
/// <param name="Suspicions">Of each of its open alerts: the key of the behaviour it consists of, 0 when there is more to it.</param>
public sealed record LiveReplica(string Id, IReadOnlyCollection<ulong> Suspicions)
{
    /// <summary>
    /// It is suspected of something else than this behaviour. What is told of the behaviour itself is no reason against it: that is
    /// the question.
    /// </summary>
    public bool IsSuspect(ulong behaviour) => Suspicions.Any(key => key != behaviour);
}
