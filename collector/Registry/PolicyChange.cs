using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>The steps a policy can take. Each gives a new policy with a higher version; none changes its argument.</summary>
static class PolicyChange
{
    /// <summary>Classes in which every novelty alerts after a lock by hand.</summary>
    static readonly BehaviourClass[] Strict =
        [BehaviourClass.Exec, BehaviourClass.Perm, BehaviourClass.NetOut, BehaviourClass.NetIn];

    public static Policy New(long nowUnixNs, TimeSpan? learning, string user) => new()
    {
        Generation = 1,
        Version = 1,
        Mode = LearningMode.Learning,
        LearningSinceUnixNs = nowUnixNs,
        LearningUntilUnixNs = EndOf(nowUnixNs, learning),
        ChangedBy = user,
        Reason = "first seen",
    };

    static long EndOf(long nowUnixNs, TimeSpan? learning) => learning is { } duration ? nowUnixNs + duration.ToNs() : 0;

    /// <param name="policy">What it was.</param>
    /// <param name="nowUnixNs">Since when it learns.</param>
    /// <param name="learning">For how long, on the wall clock; null: until its evidence suffices.</param>
    /// <param name="reset">Forgets all evidence, and what was found out of it; what people said of behaviours stays.</param>
    /// <param name="by">Who asked, and why.</param>
    public static Policy Learn(Policy policy, long nowUnixNs, TimeSpan? learning, bool reset, By by)
    {
        var next = Next(policy, by);
        next.Mode = LearningMode.Learning;
        next.LearningSinceUnixNs = nowUnixNs;
        next.LearningUntilUnixNs = EndOf(nowUnixNs, learning);
        next.LockedUnixNs = 0;
        next.StrictClasses.Clear();
        ClassPolicies.FollowWorkload(next);
        if (reset)
        {
            next.Generation++;
            next.Classes.Clear();
            next.Roles.Clear();
        }
        return next;
    }

    /// <summary>
    /// Prolongs the learning time from when it ends, or from now when it is over. What a person decided of the workload or
    /// of a class stays.
    /// </summary>
    /// <exception cref="PolicyRefusal">There is no learning time to prolong.</exception>
    public static Policy Extend(Policy policy, long nowUnixNs, TimeSpan by, By who)
    {
        if (policy.Mode is LearningMode.LockedByHand or LearningMode.Frozen)
        {
            throw new PolicyRefusal($"it is {PolicyWords.Of(policy.Mode)} by {policy.ChangedBy}: unlock it first");
        }
        if (policy is { Mode: LearningMode.Learning, LearningUntilUnixNs: 0 })
        {
            throw new PolicyRefusal("it learns until its evidence suffices: there is no time to prolong");
        }
        var next = Next(policy, who);
        next.Mode = LearningMode.Learning;
        next.LearningUntilUnixNs = Math.Max(policy.LearningUntilUnixNs, nowUnixNs) + by.ToNs();
        next.LockedUnixNs = 0;
        ClassPolicies.DropSilent(next);
        return next;
    }

    public static Policy LockByTime(Policy policy, long nowUnixNs, By by)
    {
        var next = Next(policy, by);
        next.Mode = LearningMode.LockedByTime;
        next.LockedUnixNs = nowUnixNs;
        ClassPolicies.DropSilent(next);
        return next;
    }

    /// <param name="classes">Those alone; none: the workload, and with it every class.</param>
    public static Policy LockByHand(Policy policy, long nowUnixNs, IReadOnlyCollection<BehaviourClass> classes, By by) =>
        Close(policy, LearningMode.LockedByHand, nowUnixNs, classes, by);

    /// <inheritdoc cref="LockByHand"/>
    public static Policy Freeze(Policy policy, long nowUnixNs, IReadOnlyCollection<BehaviourClass> classes, By by) =>
        Close(policy, LearningMode.Frozen, nowUnixNs, classes, by);

    /// <summary>Takes locks and freezes back: the workload learns until its evidence suffices, a class as its workload does or alone.</summary>
    public static Policy Unlock(Policy policy, long nowUnixNs, IReadOnlyCollection<BehaviourClass> classes, By by)
    {
        if (classes.Count == 0)
        {
            return Learn(policy, nowUnixNs, learning: null, reset: false, by);
        }
        var next = Next(policy, by);
        ClassPolicies.Set(next, classes, LearningMode.Learning, lockedUnixNs: 0);
        return next;
    }

    /// <summary>Other overrides in the place of those it has. Who set its mode, and why, stays.</summary>
    public static Policy WithOverrides(Policy policy, IEnumerable<Override> overrides)
    {
        var next = policy.Clone();
        next.Version++;
        next.Overrides.Clear();
        next.Overrides.AddRange(overrides.OrderBy(one => one.CreatedUnixNs).ThenBy(one => one.Id, StringComparer.Ordinal));
        return next;
    }

    static Policy Close(Policy policy, LearningMode mode, long nowUnixNs, IReadOnlyCollection<BehaviourClass> classes, By by)
    {
        var next = Next(policy, by);
        if (classes.Count > 0)
        {
            ClassPolicies.Set(next, classes, mode, nowUnixNs);
            return next;
        }
        next.Mode = mode;
        next.LockedUnixNs = nowUnixNs;
        next.StrictClasses.Clear();
        if (mode == LearningMode.LockedByHand)
        {
            next.StrictClasses.Add(Strict);
        }
        ClassPolicies.FollowWorkload(next);
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

/// <summary>A change that does not fit what was decided before; the message says what stands against it, and the remedy.</summary>
sealed class PolicyRefusal(string message) : Exception(message);
