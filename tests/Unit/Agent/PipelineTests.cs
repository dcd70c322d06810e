using CsCheck;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Counter = RuntimeGuard.Agent.Counter;

namespace RuntimeGuard.Tests.Unit.Agent;

public class PipelineTests
{
    const uint Snapshot = 1 << 6;
    const ushort Open = 10, Create = 11;
    const uint Write = 1 << 13;

    static readonly Samples.Who Web = new(100, 1000);
    static readonly Samples.Who Child = new(101, 2000, 100, 1000);

    [Fact]
    public void A_new_exec_in_a_locked_workload_is_an_anomaly_with_who_where_and_ancestry()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        bench.Lock();
        bench.Pipeline.Handle(Samples.Fork(Child));
        bench.Pipeline.Handle(Samples.Exec(Child, "/bin/sh", ["sh", "-c", "id --password=hunter2"]));
        var (anomalies, records) = bench.Finish();
        var anomaly = Assert.Single(anomalies);
        Assert.Equal((EventKind.Exec, BehaviourClass.Exec), (anomaly.Kind, anomaly.Class));
        Assert.Equal(("n1", "shop", "docker.io/library/web", "web-1"),
            (anomaly.Node, anomaly.Container.Workload.Namespace, anomaly.Container.Workload.Image, anomaly.Container.Pod));
        Assert.Equal(("/bin/sh", 101, "/usr/sbin/web"), (anomaly.Process.Exe, anomaly.Process.Pid, anomaly.Ancestors[0].Exe));
        Assert.Equal(["sh", "-c", "id --password=<secret>"], anomaly.Process.Args);
        Assert.DoesNotContain("hunter2", anomaly.ToString() + string.Concat(records), StringComparison.Ordinal);
        Assert.Equal(101, anomaly.LineagePid);
        Assert.Equal(2, records.Count(r => r.Exec is not null));
    }

    [Fact]
    public void What_was_learned_is_no_anomaly_after_the_lock_and_is_counted_by_the_minute()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        for (var i = 0; i < 5; i++)
            bench.Pipeline.Handle(Samples.File(Create, Web, "/var/lib/web/state", Write));
        bench.Lock();
        for (var i = 0; i < 5; i++)
            bench.Pipeline.Handle(Samples.File(Create, Web, "/var/lib/web/state", Write));
        var (anomalies, records) = bench.Finish();
        Assert.Empty(anomalies);
        var row = Assert.Single(records, r => r.Activity is { Kind: EventKind.Create }).Activity;
        Assert.Equal((10ul, "/var/lib/web/state"), (row.Count, row.Example));
    }

    [Fact]
    public void Events_before_the_answer_wait_and_are_judged_in_order()
    {
        var answer = new TaskCompletionSource<LookUpAnswer>();
        using var bench = new PipelineBench(lookUp: (_, _) => answer.Task);
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, $"/kubepods/besteffort/pod0/{PipelineBench.Id(1)}"));
        bench.Pipeline.Handle(Samples.Exec(Web, "/usr/sbin/web", ["web"], nsPid: 1));
        bench.Pipeline.Handle(Samples.Fork(Child));
        bench.Pipeline.Handle(Samples.Exec(Child, "/bin/sh", ["sh"]));
        answer.SetResult(LookUpAnswer.Found(PipelineBench.Facts(PipelineBench.Id(1), "docker.io/library/web")));
        bench.Settle();
        var (_, records) = bench.Finish();
        Assert.Equal(["/usr/sbin/web", "/bin/sh"], records.Where(r => r.Exec is not null).Select(r => r.Exec.Process.Exe));
        Assert.Equal(100, records.Last(r => r.Exec is not null).Exec.Process.ParentPid);
    }

    [Fact]
    public void A_bulk_event_older_than_the_exec_belongs_to_the_former_executable()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        bench.Pipeline.Handle(Samples.Fork(Child with { TimeNs = 5000 }));
        bench.Pipeline.Handle(Samples.Exec(Child with { TimeNs = 9000 }, "/bin/sh", ["sh"]));
        bench.Pipeline.Handle(Samples.File(Create, Child with { TimeNs = 7000 }, "/tmp/before", Write));
        bench.Pipeline.Handle(Samples.File(Create, Child with { TimeNs = 9500 }, "/var/log/after", Write));
        var (_, records) = bench.Finish();
        var actors = records.Where(r => r.Activity is { Kind: EventKind.Create })
            .ToDictionary(r => r.Activity.Example, r => r.Activity.Actor);
        Assert.DoesNotContain("sh", actors["/tmp/before"], StringComparison.Ordinal);
        Assert.Contains("sh", actors["/var/log/after"], StringComparison.Ordinal);
    }

    [Fact]
    public void The_runtime_setting_the_container_up_is_not_the_workload()
    {
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, $"/kubepods/besteffort/pod0/{PipelineBench.Id(1)}"));
        bench.Settle();
        bench.Pipeline.Handle(Samples.Exec(Web, "/memfd:runc", ["runc", "init"], flags: 1 << 8, mountNs: 1));
        bench.Pipeline.Handle(Samples.Exec(Web, "/usr/sbin/web", ["web"], nsPid: 1));
        var (anomalies, records) = bench.Finish();
        Assert.Empty(anomalies);
        Assert.Equal("/usr/sbin/web", Assert.Single(records, r => r.Exec is not null).Exec.Process.Exe);
        Assert.Equal(1, bench.Counters[Counter.RuntimeSetup]);
    }

    [Fact]
    public void A_process_put_in_from_outside_is_told_from_the_entrypoint()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        bench.Pipeline.Handle(Samples.Exec(new(200, 5000, 50, 50), "/bin/ls", ["ls"]));
        var (_, records) = bench.Finish();
        Assert.Contains(records, r => r.Activity is { Kind: EventKind.Exec } a && a.Actor.Contains("injected", StringComparison.Ordinal));
    }

    [Fact]
    public void What_was_there_before_the_agent_is_known_and_not_judged()
    {
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.Cgroup(100, 0, $"/kubepods/besteffort/pod0/{PipelineBench.Id(1)}", flags: Snapshot));
        bench.Settle();
        bench.Lock();
        bench.Pipeline.Handle(Samples.Exec(Web with { Slot = 0 }, "/usr/sbin/web", ["web"], Snapshot, nsPid: 1));
        var (anomalies, records) = bench.Finish();
        Assert.Empty(anomalies);
        Assert.False(Assert.Single(records, r => r.Exec is not null).Exec.Process.SeenFromBirth);
    }

    [Fact]
    public void An_event_of_no_known_container_is_counted_and_dropped()
    {
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.File(Open, Web, "/etc/shadow"));
        Assert.Equal(1, bench.Counters[Counter.Unattributed]);
    }

    [Fact]
    public void Mutated_samples_are_counted_or_judged_and_never_throw()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        byte[][] seeds =
        [
            Samples.Exec(Child, "/bin/sh", ["sh", "-c", "x"]), Samples.File(Create, Web, "/a/b", Write),
            Samples.Connect(Web, [10, 0, 0, 1], 80), Samples.Exit(Child), Samples.Fork(Child),
            Samples.Cgroup(200, 2, "/system.slice/x.service"),
        ];
        Gen.Select(Gen.Int[0, seeds.Length - 1], Gen.Int[0, 200], Gen.Byte, Gen.Int[0, 200]).Sample((seed, at, value, cut) =>
        {
            var sample = (byte[])seeds[seed].Clone();
            sample[at % sample.Length] = value;
            bench.Pipeline.Handle(sample.AsSpan(0, Math.Max(0, sample.Length - cut % sample.Length)));
        }, threads: 1, iter: 5000);
        Assert.True(bench.Counters[Counter.Malformed] > 0);
    }

    [Fact]
    public void A_known_file_or_network_event_allocates_nothing()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        byte[][] samples =
        [
            Samples.File(Create, Web, "/var/lib/web/state", Write), Samples.File(Open, Web, "/etc/hosts"),
            Samples.Connect(Web, [10, 0, 0, 1], 5432),
        ];
        void Round()
        {
            foreach (var sample in samples)
                bench.Pipeline.Handle(sample);
        }
        for (var i = 0; i < 5000; i++)
            Round();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            Round();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_dead_containers_slot_comes_back_only_when_no_process_carries_it()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, "", kind: 41));
        var now = RuntimeGuard.Agent.BootClock.BootNs;
        bench.Pipeline.Tick(now + 100_000_000_000);
        Assert.Empty(bench.Released);
        bench.Pipeline.Handle(Samples.Exit(Web));
        bench.Pipeline.Tick(now + 200_000_000_000);
        Assert.Equal([1u], bench.Released);
    }
}
