using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>What people say of a whole namespace: in every policy of it, in those to come, and out of all of them again.</summary>
public sealed class NamespaceOverrideTests
{
    static readonly Workload Nginx = Behaviours.Nginx;
    static readonly Workload Redis = new() { Namespace = "shop", Image = "redis" };
    static readonly Workload Late = new() { Namespace = "shop", Image = "late" };
    static readonly Workload Other = new() { Namespace = "blog", Image = "redis" };

    static SetOverrideRequest Request(string target = "/bin/*", long seconds = 0) => new()
    {
        Workload = Nginx,
        DurationSeconds = seconds,
        Override = new Override
        {
            Kind = OverrideKind.Deny, Scope = OverrideScope.Pattern, Class = BehaviourClass.Exec, Actor = "*", Object = target,
            WholeNamespace = true, Reason = "policy of the shop",
        },
    };

    static Google.Protobuf.Collections.RepeatedField<Override> Of(CollectorFixture collector, Workload workload) =>
        collector.Server.Parts.Registry.Find(new WorkloadKey(workload.Namespace, workload.Image))!.Policy.Overrides;

    [Fact]
    public async Task It_holds_for_every_workload_of_the_namespace_and_for_those_to_come_until_it_is_retracted_anywhere()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx, Redis, Other);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());

        var answer = await workloads.SetOverrideAsync(Request());
        var pushed = await stream.ModelAsync(model => model.Workload.Equals(Redis) && model.Policy.Overrides.Count == 1);
        await stream.SendAsync(Behaviours.Watch(Nginx, Redis, Other, Late));
        var late = await stream.ModelAsync(model => model.Workload.Equals(Late));

        Assert.Equal(2, answer.Reach.Workloads);
        Assert.Equal(answer.Override, Assert.Single(pushed.Policy.Overrides));
        Assert.Equal(answer.Override, Assert.Single(late.Policy.Overrides));
        Assert.Empty(Of(collector, Other));
        // It has a row of its own: no workload is kept for its sake.
        Assert.All(collector.Server.Parts.Registry.Entries, entry => Assert.False(entry.ChangedByPerson));
        Assert.Contains($"; nothing -> {PolicyWords.Of(answer.Override)}", Assert.Single(await collector.AuditAsync(Late)).Detail, StringComparison.Ordinal);
        Assert.Contains("in the whole namespace", (await collector.AuditAsync(Redis))[0].Detail, StringComparison.Ordinal);

        var removed = await workloads.RemoveOverrideAsync(new RemoveOverrideRequest { Workload = Late, Id = answer.Override.Id, Reason = "over" });

        Assert.Equal(3, removed.Workloads);
        Assert.All(new[] { Nginx, Redis, Late }, workload => Assert.Empty(Of(collector, workload)));
        Assert.Equal(0, await collector.Server.Parts.State.ReadAsync(db => db.NamespaceOverrides.CountAsync(), CancellationToken.None));
        await stream.ModelAsync(model => model.Workload.Equals(Redis) && model.Policy.Overrides.Count == 0);
        Assert.EndsWith("-> nothing: over", (await collector.AuditAsync(Redis))[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_one_workload_cannot_take_it_none_does()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx, Redis);
        await collector.Server.Parts.Registry.ChangePolicyAsync(new WorkloadKey("shop", "redis"), new By("admin", ""),
            (policy, _) => PolicyChange.WithOverrides(policy, Enumerable.Range(0, Overrides.Most).Select(i => new Override { Id = $"o{i}" })),
            CancellationToken.None);

        var refused = await Assert.ThrowsAsync<RpcException>(
            async () => await new Workloads.WorkloadsClient(collector.Admin()).SetOverrideAsync(Request()));

        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.StartsWith("shop/redis has 256 overrides", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Empty(Of(collector, Nginx));
        Assert.Equal(0, await collector.Server.Parts.State.ReadAsync(db => db.NamespaceOverrides.CountAsync(), CancellationToken.None));
    }

    [Fact]
    public async Task A_namespace_has_half_of_what_a_workload_may_have()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());
        for (var i = 0; i < OverridePlan.MostOfNamespace; i++)
        {
            await workloads.SetOverrideAsync(Request($"/bin/{i}"));
        }

        // The same said again takes the place of what was said.
        await workloads.SetOverrideAsync(Request("/bin/7"));
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await workloads.SetOverrideAsync(Request("/bin/more")));

        Assert.Contains("the namespace shop has 128 overrides", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(OverridePlan.MostOfNamespace, Of(collector, Nginx).Count);
    }
}
