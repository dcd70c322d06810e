using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>The steps a policy can take. Each gives a new policy with a higher version; none changes its argument.</summary>
static class PolicyChange
{
    /// <summary>Classes in which every novelty alerts after a lock by hand.</summary>
    static readonly BehaviourClass[] Strict =
        [BehaviourClass.Exec, BehaviourClass.Perm, BehaviourClass.NetOut, BehaviourClass.NetIn];

    public static Policy New(long nowUnixNs, TimeSpan learning, string user) => new()
    {
        Generation = 1,
        Version = 1,
        Mode = LearningMode.Learning,
        LearningSinceUnixNs = nowUnixNs,
        LearningUntilUnixNs = nowUnixNs + learning.ToNs(),
        ChangedBy = user,
        Reason = "first seen",
    };

    /// <param name="policy">What it was.</param>
    /// <param name="nowUnixNs">Since when it learns.</param>
    /// <param name="learning">For how long, on the wall clock; null: until a person locks it.</param>
    /// <param name="reset">Forgets all evidence.</param>
    /// <param name="by">Who asked, and why.</param>
    public static Policy Learn(Policy policy, long nowUnixNs, TimeSpan? learning, bool reset, By by)
    {
        var next = Next(policy, by);
        next.Mode = LearningMode.Learning;
        next.LearningSinceUnixNs = nowUnixNs;
        next.LearningUntilUnixNs = learning is { } duration ? nowUnixNs + duration.ToNs() : 0;
        next.LockedUnixNs = 0;
        next.StrictClasses.Clear();
        if (reset)
        {
            next.Generation++;
        }
        return next;
    }

    public static Policy LockByTime(Policy policy, long nowUnixNs, By by)
    {
        var next = Next(policy, by);
        next.Mode = LearningMode.LockedByTime;
        next.LockedUnixNs = nowUnixNs;
        return next;
    }

    public static Policy LockByHand(Policy policy, long nowUnixNs, By by)
    {
        var next = Next(policy, by);
        next.Mode = LearningMode.LockedByHand;
        next.LockedUnixNs = nowUnixNs;
        next.StrictClasses.Clear();
        next.StrictClasses.Add(Strict);
        return next;
    }

    static Policy Next(Policy policy, By by)
    {
        var next = policy.Clone();
        next.Version++;
        next.ChangedBy = by.User;
        next.Reason = by.Reason;
        return next;
    }
}

/// <summary>Who asked for a change, and why.</summary>
readonly record struct By(string User, string Reason);
