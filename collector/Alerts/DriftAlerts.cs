using System.Globalization;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>
/// Alerts of what evidence decided: one for each class that drifts, for as long as it does. What is read and what is written
/// are compared anew each time, so that a kill between a policy and its alert is made up for. Its caller takes turns.
/// </summary>
sealed class DriftAlerts(StateStore state, AlertFeed feed, CollectorOptions options, TimeProvider time)
{
    const int BehavioursTold = 5;

    /// <summary>
    /// An open alert makes its container suspect for so long, in learning time, after its last anomaly: by then evidence that adds up
    /// has decayed, and an alert that nobody looks at does not keep a workload from learning for ever.
    /// </summary>
    static readonly TimeSpan SuspectFor = TimeSpan.FromDays(7);

    /// <summary>Raises, reopens and resolves, as the classes are by now.</summary>
    public async Task FollowAsync(WorkloadKey workload, Policy policy, Evidence evidence, CancellationToken cancellation)
    {
        var drifting = DriftReport.All(policy, evidence, time.UnixNs()).ToDictionary(report => (long)report.Class);
        var said = await state.ReadAsync(context => Of(context, workload).ToListAsync(cancellation), cancellation);
        var begun = drifting.Values.Where(report => !said.Exists(alert => alert.Subject == (long)report.Class && IsOpen(alert))).ToList();
        var ended = said.Where(alert => IsOpen(alert) && !drifting.ContainsKey(alert.Subject)).Select(alert => alert.Id).ToList();
        if (begun.Count == 0 && ended.Count == 0)
        {
            return;
        }
        await state.WriteAsync(async context =>
        {
            var revisions = await AlertRevisions.OfAsync(context, cancellation);
            foreach (var report in begun)
            {
                await RaiseAsync(context, workload, report, revisions, cancellation);
            }
            foreach (var alert in await context.Alerts.Where(row => ended.Contains(row.Id)).ToListAsync(cancellation))
            {
                Resolve(alert, WhyEnded(policy, (BehaviourClass)alert.Subject), revisions);
            }
        }, cancellation);
        feed.Changed();
    }

    /// <summary>
    /// The open alerts of each container of the workload: the behaviour each consists of, 0 when there is more to it. Folded ones
    /// count as their fleet's does: that many do the same is no reason to trust what else they do.
    /// </summary>
    public Task<ILookup<string, ulong>> SuspicionsAsync(WorkloadKey workload, CancellationToken cancellation)
    {
        var since = time.UnixNs() - options.OnWallClock(SuspectFor).ToNs();
        return state.ReadAsync(async context => (await context.Alerts
                .Where(row => row.Namespace == workload.Namespace && row.Image == workload.Image && row.Kind == (int)AlertKind.Incident
                    && row.LastReceivedUnixNs >= since && row.State != (int)AlertState.Resolved && row.State != (int)AlertState.Allowed
                    && (row.FoldedInto == "" || !context.Alerts.Any(fleet => fleet.Id == row.FoldedInto
                        && (fleet.State == (int)AlertState.Resolved || fleet.State == (int)AlertState.Allowed))))
                .Select(row => new { row.ContainerId, row.OnlyBehaviour }).Distinct().ToListAsync(cancellation))
            .ToLookup(row => row.ContainerId, row => unchecked((ulong)row.OnlyBehaviour), StringComparer.Ordinal), cancellation);
    }

    /// <summary>What fleets' alerts told is normal now. In the caller's transaction; watchers are told by <see cref="Told"/>.</summary>
    public static async Task ResolveAsync(StateContext context, WorkloadKey workload, Evidence absorbed, CancellationToken cancellation)
    {
        var revisions = await AlertRevisions.OfAsync(context, cancellation);
        var keys = absorbed.Behaviours.Select(behaviour => unchecked((long)behaviour.Key)).ToList();
        foreach (var alert in await context.Alerts.Where(row => row.Kind == (int)AlertKind.Fleet && keys.Contains(row.Subject)
                && row.Namespace == workload.Namespace && row.Image == workload.Image
                && (row.State == (int)AlertState.Open || row.State == (int)AlertState.Acknowledged)).ToListAsync(cancellation))
        {
            Resolve(alert, "most live replicas do it after a rollout or for three days, and it is not risky: it was taken for normal", revisions);
        }
    }

    public void Told() => feed.Changed();

    static IQueryable<AlertRow> Of(StateContext context, WorkloadKey workload) => context.Alerts.Where(row =>
        row.Kind == (int)AlertKind.Drift && row.Namespace == workload.Namespace && row.Image == workload.Image);

    static bool IsOpen(AlertRow alert) => alert.State != (int)AlertState.Resolved;

    static void Resolve(AlertRow alert, string reason, AlertRevisions revisions)
    {
        (alert.State, alert.Reason) = ((int)AlertState.Resolved, reason);
        alert.Revision = revisions.Next();
    }

    async Task RaiseAsync(
        StateContext context, WorkloadKey workload, DriftReport report, AlertRevisions revisions, CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var alert = await Of(context, workload).FirstOrDefaultAsync(row => row.Subject == (long)report.Class, cancellation);
        if (alert is null)
        {
            alert = AlertRow.OfWorkload(await AlertId.NewAsync(context, cancellation), AlertKind.Drift, (long)report.Class,
                (workload.Namespace, workload.Image), now);
            // Ordinary beside what is ordered by how unusual it is.
            alert.Score = 1;
            context.Alerts.Add(alert);
        }
        alert.Count++;
        (alert.State, alert.Reason, alert.Revision) = ((int)AlertState.Open, Why(report), revisions.Next());
        (alert.LastUnixNs, alert.LastReceivedUnixNs) = (now, now);
        alert.Worst = alert.Latest = new Anomaly
        {
            TimeUnixNs = now,
            Container = new Container { Workload = new Workload { Namespace = workload.Namespace, Image = workload.Image } },
            Class = report.Class,
            Summary = $"{PolicyWords.Of(report.Class)} of {workload} drifts: it does more that is new than when it was learned",
            TimeScale = options.TimeScale,
        }.ToByteArray();
    }

    static string Why(DriftReport report)
    {
        var told = report.Behaviours.Take(BehavioursTold).Select(behaviour =>
            $"{PolicyWords.Short(behaviour.Actor)} -> {PolicyWords.Short(behaviour.Object)} (in {behaviour.Containers.Count}{(behaviour.Containers.Count >= BottomK.Containers ? " or more" : "")})");
        var more = report.Behaviours.Count > BehavioursTold ? $" and {report.Behaviours.Count - BehavioursTold} more" : "";
        var rollout = report.Version.Length > 0
            ? $"version {PolicyWords.Short(report.Version)} came in the day before"
            : "no new version came in the day before";
        return string.Create(CultureInfo.InvariantCulture,
            $"{report.Seen:0} of the last {report.Units:0} units brought something new, where {report.Expected:0.##} were expected at most, ") +
            $"on {report.NovelContainers} of {report.Containers} containers: {string.Join(", ", told)}{more}; {rollout}";
    }

    static string WhyEnded(Policy policy, BehaviourClass behaviourClass)
    {
        var own = policy.Classes.FirstOrDefault(entry => entry.Class == behaviourClass);
        var mode = own is null || own.Mode == LearningMode.Unspecified ? policy.Mode : own.Mode;
        return mode is LearningMode.LockedByHand or LearningMode.LockedByTime or LearningMode.Frozen
            ? $"the class is {PolicyWords.Of(mode)}: what is new is told as it comes"
            : own is { MetBound: > 0 }
                ? "the class is operational again: as little is new as its bound allows"
                : "the class learns anew";
    }
}
