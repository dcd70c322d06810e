using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>What decides how a novelty of one class is judged.</summary>
public enum LearningState
{
    Learning,
    /// <summary>Still learning, but bounded below the class's beta: novelties are held back, not absorbed at once.</summary>
    Operational,
    LockedByTime,
    LockedByHand,
    /// <summary>A person stopped learning without asserting that nothing new is expected.</summary>
    Frozen,
    /// <summary>It changed after it was learned: judged as when learning, and nothing is absorbed without evidence.</summary>
    Drift,
    /// <summary>Its novelties do not run out: scored by zone and type only.</summary>
    Unbounded,
}

/// <summary>From policy and evidence to the state of a class.</summary>
static class LearningStates
{
    public static string NameOf(LearningState state) => state switch
    {
        LearningState.Operational => "operational",
        LearningState.LockedByTime => "locked by time",
        LearningState.LockedByHand => "locked by hand",
        LearningState.Frozen => "frozen",
        LearningState.Drift => "drift",
        LearningState.Unbounded => "unbounded",
        _ => "learning",
    };

    /// <summary>What people and the collector decided, or null when the evidence decides.</summary>
    public static LearningState? Decided(Policy policy, BehaviourClass behaviourClass, long nowNs)
    {
        var own = ClassOf(policy, behaviourClass);
        var mode = own is null || own.Mode == LearningMode.Unspecified ? policy.Mode : own.Mode;
        return mode switch
        {
            LearningMode.LockedByHand => LearningState.LockedByHand,
            LearningMode.LockedByTime => LearningState.LockedByTime,
            LearningMode.Frozen => LearningState.Frozen,
            _ when own is { Mode: LearningMode.Unspecified } or null
                && policy.LearningUntilUnixNs > 0 && nowNs >= policy.LearningUntilUnixNs => LearningState.LockedByTime,
            _ when own is { Unbounded: true } => LearningState.Unbounded,
            _ when own is { DriftSinceUnixNs: > 0 } => LearningState.Drift,
            _ => null,
        };
    }

    public static ClassPolicy? ClassOf(Policy policy, BehaviourClass behaviourClass)
    {
        // By index: the list's own enumerator is an object, and this is asked of every event that is not known.
        for (var i = 0; i < policy.Classes.Count; i++)
            if (policy.Classes[i].Class == behaviourClass)
                return policy.Classes[i];
        return null;
    }

    /// <summary>May something new become normal in this state?</summary>
    public static bool Learns(LearningState state) =>
        state is LearningState.Learning or LearningState.Operational or LearningState.Unbounded;

    public static bool IsLocked(LearningState state) => state is LearningState.LockedByHand or LearningState.LockedByTime;
}
