using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>The alert of a drifting class over the class's life, in a real state store, as people see it.</summary>
public sealed class DriftAlertTests
{
    static readonly WorkloadKey Web = new("shop", "web");
    readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    static Policy With(long drift, double met = 0.1, LearningMode mode = LearningMode.Learning) => new()
    {
        Generation = 1,
        Mode = mode,
        Classes = { new ClassPolicy { Class = BehaviourClass.Exec, DriftSinceUnixNs = drift, MetBound = met, MetNs = 100 } },
    };

    static Evidence New(params (string Object, long First, int Containers)[] behaviours)
    {
        var evidence = new Evidence { Versions = { new VersionEvidence { Version = "A", FirstSeenUnixNs = 1 }, new VersionEvidence { Version = "B", FirstSeenUnixNs = 150 } } };
        evidence.Behaviours.AddRange(behaviours.Select((behaviour, at) => new BehaviourEvidence
        {
            Class = BehaviourClass.Exec,
            Actor = "nginx",
            Object = behaviour.Object,
            Key = (ulong)at + 1,
            FirstSeenUnixNs = behaviour.First,
            Containers = { Enumerable.Range(1, behaviour.Containers).Select(container => (ulong)container) },
        }));
        return evidence;
    }

    [Fact]
    public async Task It_is_raised_once_resolved_with_the_reason_and_reopened_by_recurrence()
    {
        await using var collector = await CollectorFixture.StartAsync(_time);
        var parts = collector.Server.Parts;
        var drifts = new DriftAlerts(parts.State, parts.Feed, parts.Options, _time);
        var alerts = new Alerts.AlertsClient(collector.Admin());
        async Task<Alert> AfterAsync(Policy policy, Evidence evidence)
        {
            await drifts.FollowAsync(Web, policy, evidence, CancellationToken.None);
            return Assert.Single((await alerts.ListAsync(new ListAlertsRequest())).Alerts);
        }

        await drifts.FollowAsync(Web, With(drift: 0), New(), CancellationToken.None);
        Assert.Empty((await alerts.ListAsync(new ListAlertsRequest())).Alerts);

        var evidence = New(("/bin/one", 200, 1), ("/bin/many", 300, 8), ("/bin/older", 50, 3));
        var raised = await AfterAsync(With(drift: 7), evidence);
        Assert.Equal((AlertKind.Drift, AlertState.Open, 1ul, "exec of shop/web drifts: it does more that is new than when it was learned"),
            (raised.Kind, raised.State, raised.Count, raised.Worst.Summary));
        Assert.EndsWith("nginx -> /bin/many (in 8 or more), nginx -> /bin/one (in 1); version B came in the day before", raised.Reason, StringComparison.Ordinal);
        Assert.Equal(raised.Revision, (await AfterAsync(With(drift: 7), evidence)).Revision);

        var calm = await AfterAsync(With(drift: 0), evidence);
        Assert.Equal((AlertState.Resolved, "the class is operational again: as little is new as its bound allows"), (calm.State, calm.Reason));
        Assert.True(calm.Revision > raised.Revision);

        var again = await AfterAsync(With(drift: 9), New());
        Assert.Equal((raised.Id, AlertState.Open, 2ul), (again.Id, again.State, again.Count));

        var locked = await AfterAsync(With(drift: 9, mode: LearningMode.LockedByHand), New());
        Assert.Equal((AlertState.Resolved, "the class is locked by hand: what is new is told as it comes"), (locked.State, locked.Reason));
        Assert.Equal("the class learns anew", (await ReopenedThen(With(drift: 0, met: 0))).Reason);

        async Task<Alert> ReopenedThen(Policy policy)
        {
            await AfterAsync(With(drift: 9), New());
            return await AfterAsync(policy, New());
        }
    }

    [Fact]
    public async Task It_is_of_no_behaviour_that_could_be_allowed()
    {
        await using var collector = await CollectorFixture.StartAsync(_time);
        var parts = collector.Server.Parts;
        await new DriftAlerts(parts.State, parts.Feed, parts.Options, _time).FollowAsync(Web, With(drift: 7), New(), CancellationToken.None);
        var alerts = new Alerts.AlertsClient(collector.Admin());
        var id = (await alerts.ListAsync(new ListAlertsRequest())).Alerts[0].Id;

        Assert.Empty((await alerts.GetAsync(new GetAlertRequest { Id = id })).Members);
        var refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () =>
            await alerts.DecideAsync(new DecideAlertRequest { Id = id, Kind = OverrideKind.Allow, Reason = "known" }));
        Assert.Contains("is of a class", refused.Status.Detail, StringComparison.Ordinal);
    }
}
