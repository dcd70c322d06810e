using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>What people allow and deny of a workload, in its policy.</summary>
public sealed class OverrideTests : IAsyncLifetime
{
    static readonly Workload Nginx = Behaviours.Nginx;
    static readonly BehaviourEvidence Seen = Behaviours.Of("nginx", "/bin/sh", learned: false, quarantined: true);

    readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    CollectorFixture _collector = null!;
    WireStream _stream = null!;

    public async ValueTask InitializeAsync()
    {
        _collector = await CollectorFixture.StartAsync(_time);
        _stream = await _collector.WatchingAsync("node-a", Nginx);
        await _stream.LearnAsync(Seen);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _collector.DisposeAsync();
    }

    static SetOverrideRequest Request(OverrideKind kind = OverrideKind.Allow, OverrideScope scope = OverrideScope.Behaviour, long seconds = 3600) => new()
    {
        Workload = Nginx,
        DurationSeconds = seconds,
        Override = new Override
        {
            Kind = kind,
            Scope = scope,
            Class = BehaviourClass.Exec,
            Actor = scope == OverrideScope.Class ? "" : "nginx",
            Object = scope switch { OverrideScope.Behaviour => "/bin/sh", OverrideScope.Pattern => "/bin/*", _ => "" },
            Reason = "reviewed",
        },
    };

    Workloads.WorkloadsClient Admin => new(_collector.Admin());

    async Task<Workloads.WorkloadsClient> AsAsync(string role) => new(_collector.People(await _collector.TokenOfAsync(role)));

    static async Task<Status> RefusedAsync(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(call)).Status;

    async Task<Policy> PolicyAsync() => (await Admin.GetAsync(new GetWorkloadRequest { Workload = Nginx })).Summary.Policy;

    [Fact]
    public async Task A_behaviour_named_by_its_texts_is_allowed_by_its_key_for_its_time_and_audited()
    {
        var before = await PolicyAsync();

        var answer = await (await AsAsync("analyst")).SetOverrideAsync(Request());

        var one = answer.Override;
        Assert.Equal((Seen.Key, "test-analyst", "reviewed"), (one.Key, one.CreatedBy, one.Reason));
        Assert.Equal(3600_000_000_000, one.ExpiresUnixNs - one.CreatedUnixNs);
        Assert.Equal(1, answer.Reach.Workloads);
        var pushed = (await _stream.ModelAsync(model => model.Policy.Overrides.Count > 0)).Policy;
        Assert.Equal(one, Assert.Single(pushed.Overrides));
        Assert.Equal((before.Version + 1, before.ChangedBy, before.Mode), (pushed.Version, pushed.ChangedBy, pushed.Mode));
        var entry = (await _collector.AuditAsync(Nginx))[0];
        Assert.Equal(("test-analyst", "override"), (entry.User, entry.Action));
        Assert.StartsWith($"nothing -> allow {one.Id} of the behaviour exec nginx -> /bin/sh ({Seen.Key:x16}), until ", entry.Detail, StringComparison.Ordinal);
        Assert.EndsWith(": reviewed", entry.Detail, StringComparison.Ordinal);
        await _collector.StopServerAsync();
        await _collector.StartServerAsync();
        Assert.Equal(one, Assert.Single((await PolicyAsync()).Overrides));
    }

    [Fact]
    public async Task What_was_set_is_retracted_by_the_beginning_of_its_id()
    {
        var one = (await Admin.SetOverrideAsync(Request(OverrideKind.Deny, seconds: 0))).Override;
        await _stream.ModelAsync(model => model.Policy.Overrides.Count == 1);

        var removed = await Admin.RemoveOverrideAsync(new RemoveOverrideRequest { Workload = Nginx, Id = one.Id[..5], Reason = "mistaken" });

        Assert.Equal((one, 1), (removed.Override, removed.Workloads));
        Assert.Empty((await _stream.ModelAsync(model => model.Policy.Overrides.Count == 0)).Policy.Overrides);
        Assert.Equal($"{PolicyWords.Of(one)} -> nothing: mistaken", (await _collector.AuditAsync(Nginx))[0].Detail);
        var gone = await RefusedAsync(async () => await Admin.RemoveOverrideAsync(new RemoveOverrideRequest { Workload = Nginx, Id = one.Id, Reason = "x" }));
        Assert.Equal(StatusCode.NotFound, gone.StatusCode);
        Assert.Contains("rgctl baseline overrides", gone.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_analyst_allows_a_behaviour_or_a_pattern_for_thirty_days_and_no_more()
    {
        var analyst = await AsAsync("analyst");
        const long month = 30 * 86400;
        await analyst.SetOverrideAsync(Request(seconds: month));
        await analyst.SetOverrideAsync(Request(scope: OverrideScope.Pattern, seconds: month));
        var wide = Request();
        wide.Override.WholeNamespace = true;

        foreach (var (request, needs) in new[]
        {
            (Request(seconds: month + 1), "longer than 30 days"), (Request(seconds: 0), "longer than 30 days"),
            (Request(scope: OverrideScope.Class), "a whole class"), (Request(OverrideKind.Deny), "to deny"), (wide, "in a whole namespace"),
        })
        {
            var refused = await RefusedAsync(async () => await analyst.SetOverrideAsync(request));
            Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
            Assert.Contains(needs, refused.Detail, StringComparison.Ordinal);
            Assert.Contains("role admin", refused.Detail, StringComparison.Ordinal);
        }
        var viewer = await AsAsync("viewer");
        Assert.Equal(StatusCode.PermissionDenied, (await RefusedAsync(async () => await viewer.SetOverrideAsync(Request()))).StatusCode);
        Assert.Equal(StatusCode.PermissionDenied, (await RefusedAsync(
            async () => await viewer.RemoveOverrideAsync(new RemoveOverrideRequest { Workload = Nginx, Id = "a", Reason = "x" }))).StatusCode);
        Assert.Equal(2, (await PolicyAsync()).Overrides.Count);
        // What they may not do, an admin may.
        await Admin.SetOverrideAsync(Request(scope: OverrideScope.Class, seconds: 0));
        await Admin.SetOverrideAsync(Request(OverrideKind.Deny, OverrideScope.Pattern, seconds: 0));
    }

    [Fact]
    public async Task An_analyst_neither_replaces_nor_retracts_what_only_an_admin_may_say()
    {
        var analyst = await AsAsync("analyst");
        var permanent = (await Admin.SetOverrideAsync(Request(seconds: 0))).Override;

        var replaced = await RefusedAsync(async () => await analyst.SetOverrideAsync(Request()));
        var retracted = await RefusedAsync(
            async () => await analyst.RemoveOverrideAsync(new RemoveOverrideRequest { Workload = Nginx, Id = permanent.Id, Reason = "x" }));

        Assert.Equal(StatusCode.FailedPrecondition, replaced.StatusCode);
        Assert.Contains($"admin said so already ({permanent.Id})", replaced.Detail, StringComparison.Ordinal);
        Assert.Equal(StatusCode.PermissionDenied, retracted.StatusCode);
        Assert.Equal(permanent, Assert.Single((await PolicyAsync()).Overrides));
        // An admin's later word takes the place of the earlier one.
        var shorter = (await Admin.SetOverrideAsync(Request())).Override;
        Assert.Equal(shorter, Assert.Single((await PolicyAsync()).Overrides));
        Assert.Contains($"{PolicyWords.Of(permanent)} -> nothing; nothing -> {PolicyWords.Of(shorter)}", (await _collector.AuditAsync(Nginx))[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deny_is_remembered_and_no_allow_of_the_same_stands_beside_it()
    {
        var denied = (await Admin.SetOverrideAsync(Request(OverrideKind.Deny, seconds: 0))).Override;

        var refused = await RefusedAsync(async () => await Admin.SetOverrideAsync(Request()));

        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains($"retract that first (rgctl baseline retract shop/docker.io/library/nginx {denied.Id})", refused.Detail, StringComparison.Ordinal);
        await Admin.LearnAsync(new LearnRequest { Workload = Nginx, Reset = true });
        Assert.Equal(denied, Assert.Single((await PolicyAsync()).Overrides));
    }

    [Fact]
    public async Task What_is_not_understood_is_refused_with_what_is_wrong()
    {
        var named = Request();
        named.Override.Object = "/bin/never";
        var everything = Request(scope: OverrideScope.Pattern);
        (everything.Override.Actor, everything.Override.Object) = ("*", "**");
        var silent = Request();
        silent.Override.Reason = " ";
        var long_ = Request(scope: OverrideScope.Pattern);
        long_.Override.Object = new string('x', 5000);
        var forged = Request();
        forged.Override.CreatedBy = "somebody else";
        var kindless = Request(kind: OverrideKind.Unspecified);

        foreach (var (request, code, says) in new[]
        {
            (named, StatusCode.NotFound, "never seen to do the behaviour exec nginx -> /bin/never"),
            (everything, StatusCode.InvalidArgument, "covers everything"),
            (silent, StatusCode.InvalidArgument, "a reason of 1 to 1024"),
            (long_, StatusCode.InvalidArgument, "object is longer than"),
            (forged, StatusCode.InvalidArgument, "are the collector's"),
            (kindless, StatusCode.InvalidArgument, "allows or denies"),
            (Request(seconds: -1), StatusCode.InvalidArgument, "duration_seconds must be 0"),
            (new SetOverrideRequest { Workload = Nginx }, StatusCode.InvalidArgument, "there is none"),
            (new SetOverrideRequest { Workload = new Workload { Namespace = "shop", Image = "nginx" } }, StatusCode.NotFound, "no workload"),
        })
        {
            var refused = await RefusedAsync(async () => await Admin.SetOverrideAsync(request));
            Assert.Equal((says, code), (says, refused.StatusCode));
            Assert.Contains(says, refused.Detail, StringComparison.Ordinal);
        }
        Assert.Empty((await PolicyAsync()).Overrides);
    }

    [Fact]
    public async Task A_workload_has_as_many_overrides_as_agents_take_and_says_so_when_it_is_full()
    {
        var registry = _collector.Server.Parts.Registry;
        var key = new WorkloadKey(Nginx.Namespace, Nginx.Image);
        await registry.ChangePolicyAsync(key, new By("admin", ""), (policy, _) => PolicyChange.WithOverrides(policy,
            Enumerable.Range(0, Overrides.Most).Select(i => new Override { Id = $"o{i}", Kind = OverrideKind.Allow, Scope = OverrideScope.Pattern, Class = BehaviourClass.Exec, Actor = "a", Object = $"{i}" })),
            CancellationToken.None);

        var refused = await RefusedAsync(async () => await Admin.SetOverrideAsync(Request()));

        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains("has 256 overrides, and agents take 256: retract some", refused.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_expired_leaves_the_policy_by_itself_and_the_audit_trail_says_so()
    {
        var one = (await Admin.SetOverrideAsync(Request(seconds: 60))).Override;
        await Admin.SetOverrideAsync(Request(OverrideKind.Deny, OverrideScope.Pattern, seconds: 0));
        await _stream.ModelAsync(model => model.Policy.Overrides.Count == 2);
        var swept = _stream.ModelAsync(model => model.Policy.Overrides.Count == 1);

        while (!swept.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            await Task.WhenAny(swept, Task.Delay(20));
        }

        Assert.Equal(OverrideKind.Deny, Assert.Single((await swept).Policy.Overrides).Kind);
        var entry = await _collector.Server.Parts.State.ReadAsync(
            db => db.Audit.OrderBy(row => row.Id).LastAsync(row => row.Action == "override"), CancellationToken.None);
        Assert.Equal(("collector", $"{PolicyWords.Of(one)} -> nothing: expired"), (entry.User, entry.Detail));
    }
}
