using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Where classes differ from their workload. Changes a policy that is being made; an entry that says nothing is dropped.</summary>
static class ClassPolicies
{
    /// <summary>Gives classes a mode of their own.</summary>
    /// <param name="lockedUnixNs">Since when they learn nothing; 0: they learn.</param>
    public static void Set(Policy policy, IEnumerable<BehaviourClass> classes, LearningMode mode, long lockedUnixNs)
    {
        foreach (var behaviourClass in classes.Distinct())
        {
            var own = policy.Classes.FirstOrDefault(entry => entry.Class == behaviourClass);
            if (own is null)
            {
                policy.Classes.Add(own = new ClassPolicy { Class = behaviourClass });
            }
            // To learn as a workload that learns is to follow it, to the end of its learning time too.
            own.Mode = mode == LearningMode.Learning && policy.Mode == LearningMode.Learning ? LearningMode.Unspecified : mode;
            own.LockedUnixNs = lockedUnixNs;
        }
        DropSilent(policy);
    }

    /// <summary>No class has a mode of its own any more.</summary>
    public static void FollowWorkload(Policy policy)
    {
        foreach (var own in policy.Classes)
        {
            (own.Mode, own.LockedUnixNs) = (LearningMode.Unspecified, 0);
        }
        DropSilent(policy);
    }

    /// <summary>Drops what says no more than the workload does, and orders the rest by class.</summary>
    public static void DropSilent(Policy policy)
    {
        foreach (var own in policy.Classes.Where(own => own.Mode == policy.Mode
            && (own.Mode != LearningMode.Learning || policy.LearningUntilUnixNs == 0)))
        {
            (own.Mode, own.LockedUnixNs) = (LearningMode.Unspecified, 0);
        }
        var kept = policy.Classes.Where(own => !ClassKeeper.IsSilent(own)).OrderBy(own => own.Class).ToList();
        policy.Classes.Clear();
        policy.Classes.AddRange(kept);
    }

    /// <summary>Since when the class learns nothing because of what was decided of it or of its workload; null: it learns.</summary>
    public static long? ClosedSince(Policy policy, BehaviourClass behaviourClass)
    {
        var own = policy.Classes.FirstOrDefault(entry => entry.Class == behaviourClass && entry.Mode != LearningMode.Unspecified);
        var (mode, since) = own is null ? (policy.Mode, policy.LockedUnixNs) : (own.Mode, own.LockedUnixNs);
        return mode is LearningMode.LockedByHand or LearningMode.LockedByTime or LearningMode.Frozen ? since : null;
    }
}
