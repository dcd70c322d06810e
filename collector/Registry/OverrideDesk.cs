using System.Security.Cryptography;
using Grpc.Core;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using Role = RuntimeGuard.Collector.Access.Role;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Where people say what is normal and what never is: checks what they ask against their role and the evidence. Thread-safe.</summary>
sealed class OverrideDesk(WorkloadRegistry registry, StateStore state, AlertFeed feed, CollectorOptions options, TimeProvider time)
{
    const int LongestReason = 1024;
    const int LongestVersion = 1024;
    static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    /// <param name="workload">Whose override it becomes, or whose namespace's.</param>
    /// <param name="asked">Without id, times and user; a behaviour by its key, which was checked, or by its names.</param>
    /// <param name="duration">In model time; zero: for ever.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="also">Done in the same transaction, once the override has its id.</param>
    /// <param name="cancellation">The caller went away.</param>
    /// <exception cref="RpcException">Not allowed, not understood, or in conflict with what was said before; nothing was changed.</exception>
    public async Task<(Override Override, Reach Reach)> SetAsync(WorkloadKey workload, Override asked, TimeSpan duration, Caller caller,
        Func<StateContext, Override, Task> also, CancellationToken cancellation)
    {
        Check(asked, duration);
        if (Overrides.Refuse(asked) is { } wrong)
        {
            throw Wrong(wrong);
        }
        if (AccessRules.RefuseOverride(caller.Role, asked, duration) is { } denied)
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, denied));
        }
        var now = time.UnixNs();
        var one = asked.Clone();
        one.Id = RandomNumberGenerator.GetString("0123456789abcdefghjkmnpqrstvwxyz", 8);
        one.CreatedUnixNs = now;
        one.CreatedBy = caller.User;
        one.ExpiresUnixNs = duration == TimeSpan.Zero ? 0 : now + Math.Max(1, options.OnWallClock(duration).ToNs());
        var reach = await OverrideReach.OfAsync(state, workload, one, now, cancellation);
        try
        {
            reach.Workloads = await registry.SetOverrideAsync(workload, one, new By(caller.User, one.Reason),
                other => AccessRules.RefuseOverride(caller.Role, other, Span(other)) is null
                    ? null
                    : $"to replace it needs the role {Role.Admin.Name()}",
                async (context, replaced) =>
                {
                    await AlertDecision.MoveAsync(context, replaced, one, cancellation);
                    await also(context, one);
                }, cancellation);
        }
        catch (PolicyRefusal e)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
        feed.Changed();
        return (one, reach);
    }

    /// <param name="workload">One of those that hold it.</param>
    /// <param name="id">Its id, or the beginning of it.</param>
    /// <param name="reason">Why.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="cancellation">The caller went away.</param>
    /// <exception cref="RpcException">There is none of that id, or the caller may not.</exception>
    public async Task<(Override Override, int Workloads)> RemoveAsync(
        WorkloadEntry workload, string id, string reason, Caller caller, CancellationToken cancellation)
    {
        CheckReason(reason);
        var found = workload.Policy.Overrides.Where(one => id.Length > 0 && one.Id.StartsWith(id, StringComparison.OrdinalIgnoreCase)).ToList();
        if (found.Count != 1)
        {
            throw new RpcException(found.Count == 0
                ? new Status(StatusCode.NotFound, $"{workload.Workload} has no override whose id begins with '{id}'; " +
                    $"see rgctl baseline overrides {workload.Workload}")
                : new Status(StatusCode.InvalidArgument, $"more than one override's id begins with '{id}'; give more of it"));
        }
        var one = found[0];
        if (AccessRules.RefuseOverride(caller.Role, one, Span(one)) is { } denied)
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, $"who may not set it may not retract it: {denied}"));
        }
        try
        {
            var removed = await registry.RemoveOverrideAsync(workload.Workload, one, new By(caller.User, reason),
                context => AlertDecision.EndAsync(context, one.Id, time.UnixNs(), cancellation), cancellation);
            feed.Changed();
            return (one, removed);
        }
        catch (PolicyRefusal e)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
    }

    /// <summary>The behaviour that was meant, with the key and the names that the evidence has for it.</summary>
    /// <exception cref="RpcException">The workload was never seen to do it.</exception>
    public async Task<Override> ResolveAsync(WorkloadKey workload, Override asked, CancellationToken cancellation)
    {
        if (asked.Scope != OverrideScope.Behaviour)
        {
            return asked;
        }
        var model = await registry.ModelAsync(workload, cancellation);
        var found = model?.Evidence.Behaviours.FirstOrDefault(behaviour => behaviour.Class == asked.Class && (asked.Key == 0
            ? behaviour.Actor == asked.Actor && behaviour.Object == asked.Object
            : behaviour.Key == asked.Key));
        if (found is null)
        {
            var named = asked.Key == 0 ? BehaviourNames.Text(asked.Actor, asked.Object) : $"of key {asked.Key:x16}";
            throw new RpcException(new Status(StatusCode.NotFound,
                $"{workload} was never seen to do the behaviour {PolicyWords.Of(asked.Class)} {named}; see rgctl baseline show " +
                $"{workload}, or cover it before it is seen by a pattern (--scope pattern)"));
        }
        var one = asked.Clone();
        (one.Key, one.Actor, one.Object) = (found.Key, found.Actor, found.Object);
        return one;
    }

    /// <summary>How long it was said for, in model time; to the second, since wall-clock times of a scaled clock are rounded.</summary>
    TimeSpan Span(Override one) => one.ExpiresUnixNs == 0
        ? TimeSpan.Zero
        : TimeSpan.FromSeconds(Math.Max(1, Math.Round((one.ExpiresUnixNs - one.CreatedUnixNs) / 1e9 * options.TimeScale)));

    static void Check(Override asked, TimeSpan duration)
    {
        CheckReason(asked.Reason);
        if (duration < TimeSpan.Zero || duration > Longest)
        {
            throw Wrong($"duration_seconds must be 0 (for ever) to {Longest.TotalSeconds:0}");
        }
        foreach (var (name, text, longest) in new[]
            { ("actor", asked.Actor, EvidenceMerge.LongestActor), ("object", asked.Object, EvidenceMerge.LongestObject), ("version", asked.Version, LongestVersion) })
        {
            if (text.Length > longest)
            {
                throw Wrong($"{name} is longer than the {longest} characters a behaviour's may have");
            }
        }
    }

    static void CheckReason(string reason)
    {
        if (string.IsNullOrWhiteSpace(reason) || reason.Length > LongestReason)
        {
            throw Wrong($"a reason of 1 to {LongestReason} characters is needed: it is kept in the audit trail (--reason TEXT)");
        }
    }

    static RpcException Wrong(string message) => new(new Status(StatusCode.InvalidArgument, message));
}
