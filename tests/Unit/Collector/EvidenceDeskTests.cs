using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using RuntimeGuard.Tests.Unit.Models;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>What the collector decides from the evidence of all nodes, seen as an agent is told it.</summary>
public sealed class EvidenceDeskTests
{
    static readonly Workload Nginx = new() { Namespace = Key.Namespace, Image = Key.Image };
    readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    /// <summary>An hour of learning time is a second.</summary>
    Task<CollectorFixture> StartAsync() => CollectorFixture.StartAsync(_time,
        options => options with { TimeScale = 3600, LearningDuration = TimeSpan.FromDays(300) });

    /// <summary>Four replicas that did one thing for weeks, and then much that is new, a little of it all of them.</summary>
    static Evidence Drifted(int hours = 700)
    {
        var baseline = new Baseline(Key);
        var number = 0;
        for (var hour = 0; hour < hours; hour++)
        {
            for (var replica = 0; replica < 4; replica++)
            {
                Start(baseline, replica, hour, "/usr/bin/date");
                if (hour > 600)
                {
                    Start(baseline, replica, hour, "/opt/shared");
                    Start(baseline, replica, hour, $"/opt/{BaselinePropertyTests.Letters(number++)}/x");
                }
            }
        }
        baseline.Advance(WorkloadUnderTest.Start + (hours * Hour));
        var evidence = baseline.Snapshot().Evidence;
        evidence.Generation = 1;
        foreach (var behaviour in evidence.Behaviours.Where(b => b.Object.StartsWith("/opt/", StringComparison.Ordinal)))
        {
            (behaviour.Learned, behaviour.Quarantined, behaviour.Mark) = (false, false, "image-binary");
        }
        return evidence;
    }

    static void Start(Baseline baseline, int replica, int hour, string path) => baseline.Observe(new ContainerEvent
    {
        TimeNs = WorkloadUnderTest.Start + (hour * Hour),
        Kind = EventKind.Exec,
        Container = new ContainerFacts(Key, new string((char)('a' + replica), 64), "1", WorkloadUnderTest.Start) { SeenFromBirth = false },
        Actor = Actor.Entry("/usr/sbin/nginx"),
        Path = System.Text.Encoding.UTF8.GetBytes(path),
    });

    static Heartbeat Running(int replicas)
    {
        var heartbeat = new Heartbeat();
        for (var replica = 0; replica < replicas; replica++)
        {
            var container = CollectorItems.Container();
            (container.Workload, container.Id) = (Nginx, new string((char)('a' + replica), 64));
            heartbeat.Containers.Add(new ContainerStatus { Container = container });
        }
        return heartbeat;
    }

    /// <summary>The clock goes on until an agent is told so.</summary>
    async Task<Model> ToldAsync(WireStream stream, Func<Model, bool> wanted)
    {
        var told = stream.ModelAsync(wanted);
        while (!told.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(told, Task.Delay(20));
        }
        return await told;
    }

    static async Task WatchAsync(WireStream stream)
    {
        await stream.SendAsync(new FromAgent { Watch = new WatchWorkloads { Workloads = { Nginx } } });
        await stream.ModelAsync(_ => true);
    }

    [Fact]
    public async Task A_class_that_drifts_is_opened_and_takes_what_most_replicas_do_and_nothing_else()
    {
        await using var collector = await StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await WatchAsync(stream);
        await stream.SendAsync(new FromAgent { Heartbeat = Running(4) });
        await stream.SendAsync(new FromAgent { Evidence = Drifted(hours: 600) });
        await stream.EvidenceAckAsync();
        await ToldAsync(stream, model => model.Policy.Classes.Any(own => own.Class == BehaviourClass.Exec && own.MetBound > 0));
        var alerts = new Alerts.AlertsClient(collector.Admin());
        await stream.SendAsync(1, [.. SharedBy("a", "b", "c", "d")]);
        await stream.AckedAsync(Lane.Anomalies, 4);
        Assert.Equal((AlertKind.Fleet, AlertState.Open), (await alerts.ListAsync(new ListAlertsRequest())).Alerts.Select(alert => (alert.Kind, alert.State)).Single());
        await stream.SendAsync(new FromAgent { Evidence = Drifted() });
        await stream.EvidenceAckAsync();

        var drifting = await ToldAsync(stream, model =>
            model.Policy.Classes.Any(own => own.Class == BehaviourClass.Exec && own.DriftSinceUnixNs > 0));
        var absorbed = await ToldAsync(stream, model => model.Evidence.Behaviours.Any(b => b is { Object: "/opt/shared", Learned: true }));

        Assert.Equal(LearningMode.Learning, drifting.Policy.Mode);
        Assert.Equal(["/opt/shared"], absorbed.Evidence.Behaviours
            .Where(b => b.Learned && b.Object.StartsWith("/opt/", StringComparison.Ordinal)).Select(b => b.Object));
        var told = await collector.Server.Parts.State.ReadAsync(context => context.Audit
            .Where(row => row.User == "collector").Select(row => row.Action + " " + row.Detail).ToListAsync(), CancellationToken.None);
        Assert.Contains(told, line => line.Contains("exec: as the workload -> as the workload, drift", StringComparison.Ordinal));
        Assert.Contains(told, line => line.StartsWith("absorb 1 behaviours", StringComparison.Ordinal)
            && line.Contains("/opt/shared", StringComparison.Ordinal));
        var shown = (await new Workloads.WorkloadsClient(collector.Admin()).ListAsync(new ListWorkloadsRequest())).Workloads;
        Assert.Equal("drift", Assert.Single(shown).Classes.Single(c => c.Class == BehaviourClass.Exec).State);
        // Two alerts of the workload: what drifts, and what was absorbed of it.
        var raised = (await alerts.ListAsync(new ListAlertsRequest())).Alerts;
        var drift = raised.Single(alert => alert.Kind == AlertKind.Drift);
        Assert.Equal((AlertState.Open, "exec of shop/nginx drifts: it does more that is new than when it was learned"),
            (drift.State, drift.Worst.Summary.Replace(Key.ToString(), "shop/nginx", StringComparison.Ordinal)));
        Assert.Contains("were expected at most, on 4 of 4 containers: /usr/sbin/nginx -> /opt/shared (in 4), ", drift.Reason, StringComparison.Ordinal);
        Assert.EndsWith("no new version came in the day before", drift.Reason, StringComparison.Ordinal);
        var fleet = raised.Single(alert => alert.Kind == AlertKind.Fleet);
        Assert.Equal(AlertState.Resolved, fleet.State);
        Assert.Contains("taken for normal", fleet.Reason, StringComparison.Ordinal);
        Assert.Equal(2, raised.Count);
    }

    [Fact]
    public async Task What_replicas_with_undecided_alerts_of_something_else_do_is_not_absorbed()
    {
        await using var collector = await StartAsync();
        var parts = collector.Server.Parts;
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await WatchAsync(stream);
        await stream.SendAsync(new FromAgent { Heartbeat = Running(4) });
        await stream.SendAsync(new FromAgent { Evidence = Drifted(hours: 600) });
        await stream.EvidenceAckAsync();
        await ToldAsync(stream, model => model.Policy.Classes.Any(own => own.Class == BehaviourClass.Exec && own.MetBound > 0));
        Anomaly[] entered = [.. SharedBy("a", "b", "c")];
        foreach (var anomaly in entered)
        {
            anomaly.Rule = "reverse-shell";
        }
        await stream.SendAsync(1, entered);
        await stream.AckedAsync(Lane.Anomalies, 3);

        await stream.SendAsync(new FromAgent { Evidence = Drifted() });
        await stream.EvidenceAckAsync();
        await ToldAsync(stream, model => model.Policy.Classes.Any(own => own.Class == BehaviourClass.Exec && own.DriftSinceUnixNs > 0));
        await LookedAtAsync(hours: 701);
        Assert.Equal(0, parts.Diagnostics.BehavioursAbsorbed.Value);

        await parts.State.WriteAsync(db => db.Alerts.Where(row => row.Critical)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.State, (int)AlertState.Resolved)), CancellationToken.None);
        await stream.SendAsync(new FromAgent { Evidence = Drifted(hours: 702) });
        await ToldAsync(stream, model => model.Evidence.Behaviours.Any(b => b is { Object: "/opt/shared", Learned: true }));

        // Looks take turns: when one more has begun, those before it have ended.
        async Task LookedAtAsync(int hours)
        {
            await stream.SendAsync(new FromAgent { Evidence = Drifted(hours) });
            await stream.EvidenceAckAsync();
            await Eventually.HoldsAsync("the evidence is looked at", () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return Task.FromResult(!parts.Registry.Unread.Any());
            });
        }
    }

    /// <summary>Each replica raised an alert of what they all began to do.</summary>
    static IEnumerable<Anomaly> SharedBy(params string[] replicas)
    {
        var shared = Drifted().Behaviours.Single(behaviour => behaviour.Object == "/opt/shared");
        foreach (var replica in replicas)
        {
            var container = CollectorItems.Container(new string(replica[0], 64));
            container.Workload = Nginx;
            var anomaly = CollectorItems.Anomaly(container: container);
            (anomaly.BehaviourKey, anomaly.Behaviour) = (shared.Key, $"{shared.Actor} -> {shared.Object}");
            yield return anomaly;
        }
    }

    [Fact]
    public async Task Roles_of_the_containers_of_all_nodes_are_told_when_they_were_found_three_times()
    {
        await using var collector = await StartAsync();
        await using var first = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await using var second = await (await collector.EnrolAsync("node-b")).ConnectAsync(spool: 2);
        await WatchAsync(first);
        await WatchAsync(second);
        var found = second.ModelAsync(model => model.Policy.Roles.Count > 0);
        var evidence = Drifted();
        for (var hour = 1; !found.IsCompleted; hour++)
        {
            foreach (var (stream, role) in new[] { (first, 100), (second, 200) })
            {
                evidence.Features.Clear();
                evidence.Features.Add(Enumerable.Range(0, 4).Select(container => new ContainerFeatures
                {
                    Container = (ulong)(role + container),
                    LastSeenUnixNs = hour,
                    Features = { Enumerable.Range(0, 8).Concat(Enumerable.Range(role, 12)).Select(feature => (ulong)feature) },
                }));
                await stream.SendAsync(new FromAgent { Evidence = evidence });
                await stream.EvidenceAckAsync();
            }
            Assert.True(hour > 2 || collector.Server.Parts.Registry.Find(Key)!.Policy.Roles.Count == 0);
            _time.Advance(TimeSpan.FromSeconds(1));
        }
        var told = await found;

        Assert.Equal([("role-a", 4u), ("role-b", 4u)], told.Policy.Roles.Select(role => (role.Name, role.Containers)));
        Assert.All(told.Policy.Roles, role => Assert.Equal(20, role.Core.Count));
    }
}
