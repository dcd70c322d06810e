using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Support;

/// <summary>Evidence of named behaviours, as a node would send it, for tests that care for names and not for statistics.</summary>
static class Behaviours
{
    public static readonly Workload Nginx = new() { Namespace = "shop", Image = "docker.io/library/nginx" };

    /// <summary>Any key will do: what people see and say goes by names, and what is judged by models has its own tests.</summary>
    public static ulong Key(BehaviourClass behaviourClass, string actor, string target) =>
        System.IO.Hashing.XxHash64.HashToUInt64(System.Text.Encoding.UTF8.GetBytes($"{behaviourClass} {actor} {target}"));

    public static BehaviourEvidence Of(string actor, string target, BehaviourClass behaviourClass = BehaviourClass.Exec,
        bool learned = true, bool quarantined = false, params ulong[] versions) => new()
        {
            Class = behaviourClass,
            Actor = actor,
            Object = target,
            Key = Key(behaviourClass, actor, target),
            Units = { 1 },
            Containers = { 1 },
            FirstSeenUnixNs = 1,
            LastSeenUnixNs = 2,
            LevelKeys = { 1, 2, 3, 4 },
            Learned = learned,
            Quarantined = quarantined,
            Versions = { versions },
        };

    public static Evidence Evidence(Workload workload, params BehaviourEvidence[] behaviours) => new()
    {
        Workload = workload,
        Generation = 1,
        Format = EvidenceFormat.Current,
        Revision = 1,
        Behaviours = { behaviours },
    };

    public static FromAgent Watch(params Workload[] workloads) => new() { Watch = new WatchWorkloads { Workloads = { workloads } } };

    /// <summary>A connected agent that runs the workloads and has their first models.</summary>
    public static async Task<WireStream> WatchingAsync(this CollectorFixture collector, string node, params Workload[] workloads)
    {
        var stream = await (await collector.EnrolAsync(node)).ConnectAsync(spool: 1);
        await stream.SendAsync(Watch(workloads));
        var missing = workloads.ToHashSet();
        while (missing.Count > 0)
        {
            missing.Remove((await stream.ModelAsync(_ => true)).Workload);
        }
        return stream;
    }

    public static async Task LearnAsync(this WireStream stream, params BehaviourEvidence[] behaviours)
    {
        await stream.SendAsync(new FromAgent { Evidence = Evidence(Nginx, behaviours) });
        Assert.Equal("", (await stream.EvidenceAckAsync()).Refused);
    }

    /// <summary>Puts evidence into the store in the place of what is there.</summary>
    public static Task KeepEvidenceAsync(this CollectorFixture collector, Evidence evidence) =>
        collector.Server.Parts.State.WriteAsync(context => context.Workloads
            .Where(row => row.Namespace == evidence.Workload.Namespace && row.Image == evidence.Workload.Image)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.Evidence, evidence.ToByteArray())), CancellationToken.None);

    /// <summary>The audit trail of a workload, newest first.</summary>
    public static async Task<List<AuditEntry>> AuditAsync(this CollectorFixture collector, Workload workload) =>
        [.. (await new Workloads.WorkloadsClient(collector.Admin()).GetAsync(new GetWorkloadRequest { Workload = workload })).Audit];
}
