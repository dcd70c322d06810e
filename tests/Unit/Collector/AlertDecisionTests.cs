using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>From an alert to an override, and back when it ends.</summary>
public sealed class AlertDecisionTests : IAsyncLifetime
{
    static readonly Workload Nginx = Behaviours.Nginx;

    readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    CollectorFixture _collector = null!;
    WireStream _stream = null!;
    ulong _seq;

    public async ValueTask InitializeAsync()
    {
        _collector = await CollectorFixture.StartAsync(_time);
        _stream = await _collector.WatchingAsync("node-a", Nginx);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _collector.DisposeAsync();
    }

    Alerts.AlertsClient Client => new(_collector.Admin());

    static Anomaly Of(string target, int lineage = 100, string rule = "", double score = 0.01)
    {
        var anomaly = CollectorItems.Anomaly(lineage, score, rule);
        anomaly.Behaviour = $"nginx > sh -> {target}";
        anomaly.BehaviourKey = Behaviours.Key(BehaviourClass.Exec, "nginx > sh", target);
        return anomaly;
    }

    async Task SendAsync(params Anomaly[] anomalies)
    {
        await _stream.SendAsync(_seq + 1, anomalies);
        _seq += (ulong)anomalies.Length;
        await _stream.AckedAsync(Lane.Anomalies, _seq);
    }

    async Task<Alert> AlertAsync(int lineage = 100) =>
        (await Client.ListAsync(new ListAlertsRequest())).Alerts.Single(alert => alert.Worst.LineagePid == lineage);

    static DecideAlertRequest Allow(string id, long seconds = 3600) =>
        new() { Id = id, Kind = OverrideKind.Allow, DurationSeconds = seconds, Reason = "our backup" };

    [Fact]
    public async Task Allowing_an_alert_allows_what_its_worst_anomaly_did_and_says_what_that_would_have_removed()
    {
        await SendAsync(Of("/usr/bin/curl"), Of("/usr/bin/tar", score: 0.5));
        await SendAsync(Of("/usr/bin/curl", lineage: 200), Of("/usr/bin/curl", lineage: 200));
        var before = await AlertAsync();

        var answer = await Client.DecideAsync(Allow(before.Id[..6]));

        var one = answer.Override;
        Assert.Equal((OverrideScope.Behaviour, "nginx > sh", "/usr/bin/curl", before.Worst.BehaviourKey), (one.Scope, one.Actor, one.Object, one.Key));
        // Of the first alert one of two anomalies, of the second both.
        Assert.Equal((1, 3, 4, false, 1), (answer.Reach.Alerts, answer.Reach.Anomalies, answer.Reach.Searched, answer.Reach.Partial, answer.Reach.Workloads));
        Assert.Equal(AlertState.Allowed, answer.Alert.State);
        Assert.Equal(new Decision
        {
            User = "admin", Reason = "our backup", TimeUnixNs = one.CreatedUnixNs, OverrideId = one.Id, ExpiresUnixNs = one.ExpiresUnixNs,
        }, answer.Alert.Decision);
        Assert.True(answer.Alert.Revision > before.Revision);
        var pushed = await _stream.ModelAsync(model => model.Policy.Overrides.Count == 1);
        Assert.Equal(one, pushed.Policy.Overrides[0]);
        // A watcher sees the change as any other.
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var watch = Client.Watch(new WatchAlertsRequest { Backlog = true, AfterRevision = before.Revision });
        while (await watch.ResponseStream.MoveNext(deadline.Token) && watch.ResponseStream.Current.Id != before.Id)
        {
        }
        Assert.Equal(answer.Alert, watch.ResponseStream.Current);
        var audit = await _collector.Server.Parts.State.ReadAsync(db => db.Audit.SingleAsync(row => row.Subject == before.Id), CancellationToken.None);
        Assert.Equal(("admin", "alert"), (audit.User, audit.Action));
        Assert.StartsWith($"open -> allowed by allow {one.Id} of the behaviour exec nginx > sh -> /usr/bin/curl", audit.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_real_baseline_alerted_of_it_takes_for_normal_once_it_was_allowed_and_alerts_again_once_denied()
    {
        var baseline = new Baseline(new WorkloadKey(Nginx.Namespace, Nginx.Image));
        baseline.Apply(new Model { Workload = Nginx, Policy = new Policy { Generation = 1, Version = 1, Mode = LearningMode.LockedByHand } });
        var anomaly = Start(baseline, "c1").Anomaly!;
        (anomaly.Container, anomaly.Process, anomaly.LineagePid) = (CollectorItems.Container("c1"), CollectorItems.Process(), 100);
        await SendAsync(anomaly);
        var id = (await AlertAsync()).Id;

        await Client.DecideAsync(Allow(id));
        baseline.Apply(await _stream.ModelAsync(model => model.Policy.Overrides.Count == 1));
        Assert.Equal(VerdictKind.Known, Start(baseline, "c2").Kind);
        await Client.DecideAsync(new DecideAlertRequest { Id = id, Kind = OverrideKind.Deny, Reason = "not any more" });
        baseline.Apply(await _stream.ModelAsync(model => model.Policy.Overrides.Count == 2));

        Assert.Equal("denied", Start(baseline, "c3").Anomaly?.Rule);
    }

    static Verdict Start(Baseline baseline, string container) => baseline.Observe(new ContainerEvent
    {
        TimeNs = CollectorItems.NowNs,
        Kind = EventKind.Exec,
        Container = new ContainerFacts(baseline.Workload, container, "1.25", CollectorItems.NowNs - 1),
        Actor = Actor.Entry("/usr/sbin/nginx"),
        Path = "/usr/bin/curl"u8,
    });

    [Fact]
    public async Task A_named_anomaly_a_pattern_and_a_version_are_what_is_denied()
    {
        await SendAsync(Of("/usr/bin/curl"), Of("/usr/bin/tar", score: 0.5));
        var id = (await AlertAsync()).Id;

        var answer = await Client.DecideAsync(new DecideAlertRequest
        {
            Id = id, Kind = OverrideKind.Deny, Member = 2, Scope = OverrideScope.Pattern, Actor = "*", ThisVersion = true, Reason = "never here",
        });

        var one = answer.Override;
        Assert.Equal((OverrideKind.Deny, "*", "/usr/bin/tar", "1.25@sha256:abc", 0), (one.Kind, one.Actor, one.Object, one.Version, one.ExpiresUnixNs));
        Assert.Equal((AlertState.Denied, 1), (answer.Alert.State, answer.Reach.Anomalies));
        var missing = await Assert.ThrowsAsync<RpcException>(async () => await Client.DecideAsync(new DecideAlertRequest
        {
            Id = id, Kind = OverrideKind.Deny, Member = 3, Reason = "x",
        }));
        Assert.Equal(StatusCode.NotFound, missing.StatusCode);
        Assert.Contains("keeps no anomaly number 3", missing.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pattern_never_silences_a_critical_rule_and_so_removes_none_of_it()
    {
        await SendAsync(Of("/usr/bin/curl", rule: "exec-memfd"));
        var id = (await AlertAsync()).Id;

        var pattern = await Client.DecideAsync(new DecideAlertRequest
        {
            Id = id, Kind = OverrideKind.Allow, Scope = OverrideScope.Pattern, Object = "/usr/bin/*", Reason = "x",
        });
        var exact = await Client.DecideAsync(Allow(id));

        Assert.Equal((0, 1), (pattern.Reach.Anomalies, exact.Reach.Anomalies));
    }

    [Fact]
    public async Task What_recurs_while_it_holds_stays_decided_and_once_it_has_expired_opens_the_alert_again()
    {
        await SendAsync(Of("/usr/bin/curl"));
        var id = (await AlertAsync()).Id;
        await Client.DecideAsync(Allow(id, seconds: 60));

        await SendAsync(Of("/usr/bin/curl"));
        Assert.Equal(AlertState.Allowed, (await AlertAsync()).State);
        _time.Advance(TimeSpan.FromSeconds(61));
        await SendAsync(Of("/usr/bin/curl"));

        Assert.Equal((AlertState.Open, 3ul), ((await AlertAsync()).State, (await AlertAsync()).Count));
    }

    [Fact]
    public async Task What_recurs_after_the_override_was_retracted_opens_the_alert_again()
    {
        await SendAsync(Of("/usr/bin/curl"), Of("/usr/bin/curl", lineage: 200));
        await Client.DecideAsync(Allow((await AlertAsync()).Id));
        // The second decision takes the place of the first, and the first alert goes with it.
        var second = (await Client.DecideAsync(Allow((await AlertAsync(200)).Id, seconds: 7200))).Override;
        Assert.Equal(second.Id, (await AlertAsync()).Decision.OverrideId);

        await new Workloads.WorkloadsClient(_collector.Admin()).RemoveOverrideAsync(
            new RemoveOverrideRequest { Workload = Nginx, Id = second.Id, Reason = "mistaken" });
        Assert.Equal(AlertState.Allowed, (await AlertAsync()).State);
        await SendAsync(Of("/usr/bin/curl"), Of("/usr/bin/curl", lineage: 200));

        Assert.All(new[] { await AlertAsync(), await AlertAsync(200) }, alert => Assert.Equal(AlertState.Open, alert.State));
    }

    [Fact]
    public async Task What_may_not_be_said_changes_neither_policy_nor_alert()
    {
        await SendAsync(Of("/usr/bin/curl"), Of("a -> b", lineage: 200));
        var nameless = Of("/usr/bin/curl", lineage: 300);
        nameless.BehaviourKey = 0;
        nameless.Container.Tag = nameless.Container.Digest = "";
        await SendAsync(nameless);
        var id = (await AlertAsync()).Id;
        var analyst = new Alerts.AlertsClient(_collector.People(await _collector.TokenOfAsync("analyst")));
        var viewer = new Alerts.AlertsClient(_collector.People(await _collector.TokenOfAsync("viewer")));
        var wide = Allow(id);
        wide.WholeNamespace = true;
        var arrows = Allow((await AlertAsync(200)).Id);
        arrows.Scope = OverrideScope.Pattern;
        var version = Allow((await AlertAsync(300)).Id);
        (version.ThisVersion, version.Scope) = (true, OverrideScope.Class);

        foreach (var (client, request, code, says) in new[]
        {
            (viewer, Allow(id), StatusCode.PermissionDenied, "needs the role analyst"),
            (analyst, Allow(id, seconds: 0), StatusCode.PermissionDenied, "--for 30d"),
            (analyst, wide, StatusCode.PermissionDenied, "whole namespace"),
            (analyst, new DecideAlertRequest { Id = id, Kind = OverrideKind.Deny, Reason = "x" }, StatusCode.PermissionDenied, "to deny"),
            (Client, new DecideAlertRequest { Id = id, Kind = OverrideKind.Allow }, StatusCode.InvalidArgument, "a reason"),
            (Client, Allow("zzzzzzzzzz"), StatusCode.NotFound, "no alert's id begins"),
            (Client, arrows, StatusCode.InvalidArgument, "in more than one way"),
            (Client, Allow((await AlertAsync(300)).Id), StatusCode.FailedPrecondition, "names no behaviour"),
            (Client, version, StatusCode.FailedPrecondition, "neither tag nor digest"),
            (Client, Allow(id, seconds: long.MaxValue), StatusCode.InvalidArgument, "duration_seconds"),
        })
        {
            var refused = await Assert.ThrowsAsync<RpcException>(async () => await client.DecideAsync(request));
            Assert.Equal((says, code), (says, refused.StatusCode));
            Assert.Contains(says, refused.Status.Detail, StringComparison.Ordinal);
        }
        Assert.All((await Client.ListAsync(new ListAlertsRequest())).Alerts, alert => Assert.Equal((AlertState.Open, null), (alert.State, alert.Decision)));
        Assert.Single(await _collector.AuditAsync(Nginx));
        Assert.Equal(AlertState.Allowed, (await analyst.DecideAsync(Allow(id))).Alert.State);
    }
}
