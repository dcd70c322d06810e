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

    /// <summary>The runtime's set-up ends with the entrypoint's exec: what that one does, and its children, is judged.</summary>
    [Fact]
    public void After_the_runtimes_setup_everything_is_judged()
    {
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, $"/kubepods/besteffort/pod0/{PipelineBench.Id(1)}"));
        bench.Settle();
        bench.Pipeline.Handle(Samples.Exec(Web, "/memfd:runc", ["runc", "init"], flags: 1 << 8, mountNs: 1));
        bench.Pipeline.Handle(Samples.Exec(Web, "/usr/sbin/web", ["web"], nsPid: 1));
        bench.Pipeline.Handle(Samples.Fork(Child));
        bench.Pipeline.Handle(Samples.File(Open, Child, "/etc/shadow"));
        var (anomalies, _) = bench.Finish();
        Assert.Equal("credential-read", Assert.Single(anomalies).Rule);
    }

    [Fact]
    public void A_service_of_the_host_is_a_workload_that_learns_what_services_do()
    {
        const uint Memfd = 1 << 8;
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, "/system.slice/web.service"));
        bench.Settle();
        bench.Pipeline.Handle(Samples.Exec(Web, "/usr/sbin/web", ["web"], mountNs: 1));
        bench.Pipeline.Handle(Samples.File(Open, Web, "/etc/shadow"));
        bench.Lock(image: "unit:web.service", ns: "host");
        bench.Pipeline.Handle(Samples.File(Open, Web, "/etc/shadow"));
        bench.Pipeline.Handle(Samples.Exec(Child, "/tmp/x", ["x"], Memfd, mountNs: 1));
        var (anomalies, records) = bench.Finish();
        Assert.Equal(2, records.Count(r => r.Exec is not null));
        var anomaly = Assert.Single(anomalies);
        Assert.Equal(("exec-memfd", "host", "unit:web.service"),
            (anomaly.Rule, anomaly.Container.Workload.Namespace, anomaly.Container.Workload.Image));
    }

    /// <summary>What a service of the host forked belongs to the container from its exec in the container's slot on.</summary>
    [Fact]
    public void A_process_that_comes_over_from_a_service_brings_nothing_with_it()
    {
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.Cgroup(300, 3, "/system.slice/containerd.service"));
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, $"/kubepods/besteffort/pod0/{PipelineBench.Id(1)}"));
        bench.Settle();
        var daemon = new Samples.Who(50, 500) { CgroupId = 300, Slot = 3 };
        bench.Pipeline.Handle(Samples.Exec(daemon, "/usr/bin/containerd", ["containerd"], mountNs: 1));
        bench.Pipeline.Handle(Samples.Fork(new(100, 1000, 50, 500) { CgroupId = 300, Slot = 3 }));
        bench.Pipeline.Handle(Samples.Exec(new(100, 1000, 50, 500), "/usr/sbin/web", ["web"], nsPid: 1));
        var (_, records) = bench.Finish();
        Assert.Equal("(runtime)", Assert.Single(records, r => r.Activity is { Kind: EventKind.Exec } a
            && a.ContainerId == PipelineBench.Id(1)).Activity.Actor);
    }

    [Fact]
    public void A_program_from_a_volume_is_not_in_the_image_unless_the_runtime_starts_it()
    {
        const uint NotOnRoot = 1 << 14;
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, $"/kubepods/besteffort/pod0/{PipelineBench.Id(1)}"));
        bench.Settle();
        bench.Pipeline.Handle(Samples.Exec(Web, "/init/web", ["web"], NotOnRoot, nsPid: 1));
        bench.Pipeline.Handle(Samples.Fork(Child));
        bench.Pipeline.Handle(Samples.Exec(Child, "/dev/shm/payload", ["payload"], NotOnRoot));
        var (anomalies, _) = bench.Finish();
        Assert.Equal(("exec-not-in-image", "/dev/shm/payload"), (Assert.Single(anomalies).Rule, anomalies[0].Process.Exe));
    }

    [Fact]
    public void One_containers_flood_of_anomalies_is_counted_and_becomes_a_gap()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        for (var i = 0; i < 300; i++)
            bench.Pipeline.Handle(Samples.File(Create, Web, $"/etc/cron.d/x{(char)('a' + (i % 26))}{(char)('a' + (i / 26))}", Write));
        var (anomalies, records) = bench.Finish();
        Assert.Equal(RuntimeGuard.Agent.WatchedContainer.AnomaliesPerSecond, anomalies.Count);
        Assert.Equal(300 - anomalies.Count, bench.Counters[Counter.AnomalyRate]);
        // In one gap, or in more where the writer's turn came in between.
        Assert.Equal(300 - anomalies.Count, records.Where(r => r.Gap is not null).Sum(r => (int)r.Gap.Anomalies));
    }

    [Fact]
    public void Thousands_of_arguments_are_judged_whole_and_shown_cut()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        bench.Lock();
        bench.Pipeline.Handle(Samples.Fork(Child));
        bench.Pipeline.Handle(Samples.Exec(Child, "/bin/sh", [.. Enumerable.Repeat("a", 2000)]));
        var (anomalies, _) = bench.Finish();
        var process = Assert.Single(anomalies).Process;
        Assert.True(process.ArgsTruncated);
        Assert.InRange(process.Args.Count, 100, 1024);
    }

    [Fact]
    public void Exits_that_were_lost_are_found_out()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        // No process of this host has such a pid: it ended, and nobody told.
        bench.Pipeline.Handle(Samples.Fork(new(4_000_000_000, 2000, 100, 1000)));
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, "", kind: 41));
        bench.Pipeline.Handle(Samples.Exit(Web));
        var now = RuntimeGuard.Agent.BootClock.BootNs;
        bench.Pipeline.Tick(now + 100_000_000_000);
        Assert.Empty(bench.Released);
        bench.Pipeline.Reconcile(now);
        bench.Pipeline.Tick(now + 200_000_000_000);
        Assert.Contains(1u, bench.Released);
    }

    [Fact]
    public void A_slot_whose_cgroup_was_never_heard_of_comes_back_once()
    {
        using var bench = new PipelineBench();
        bench.Pipeline.Handle(Samples.Cgroup(900, 5, "", kind: 41));
        Assert.Equal([5u], bench.Released);
        bench.Pipeline.Handle(Samples.Cgroup(901, 6, "/system.slice"));
        bench.Pipeline.Handle(Samples.Cgroup(901, 6, "", kind: 41));
        Assert.Equal([5u, 6u], bench.Released);
    }

    [Fact]
    public void A_nested_cgroups_slot_stays_a_name_of_the_container()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        bench.Pipeline.Handle(Samples.Cgroup(101, 2, $"/kubepods/besteffort/pod0/{PipelineBench.Id(1)}/nested"));
        bench.Pipeline.Handle(Samples.File(Open, Child with { Slot = 2, CgroupId = 101 }, "/etc/shadow"));
        Assert.Empty(bench.Released);
        Assert.Equal("web-1", Assert.Single(bench.Finish().Anomalies).Container.Pod);
    }

    [Fact]
    public void Evidence_the_collector_refused_is_kept()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        var baseline = bench.Models.BaselineOf(new RuntimeGuard.Models.WorkloadKey("shop", "docker.io/library/web"));
        var sent = baseline.TakeDelta()!;
        var ack = new EvidenceAck { Workload = sent.Workload, Generation = sent.Generation, Revision = sent.Revision, Refused = "no room" };
        bench.Models.Receive(new RuntimeGuard.Agent.LinkMessage { EvidenceAck = ack });
        Assert.NotNull(baseline.TakeDelta());
        Assert.Equal(1, bench.Counters[Counter.EvidenceRefusedByCollector]);
        ack.Refused = "";
        ack.Revision++;
        bench.Models.Receive(new RuntimeGuard.Agent.LinkMessage { EvidenceAck = ack });
        Assert.Null(baseline.TakeDelta());
    }

    [Fact]
    public void An_anomaly_of_the_network_names_the_peer()
    {
        using var bench = new PipelineBench();
        bench.StartContainer();
        bench.Lock();
        bench.Pipeline.Handle(Samples.Connect(Web, [203, 0, 113, 7], 4444));
        var anomaly = Assert.Single(bench.Finish().Anomalies);
        Assert.Equal(("203.0.113.7", 4444u), (anomaly.Peer, anomaly.Port));
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
            var length = Math.Max(0, sample.Length - cut % sample.Length);
            // Most with a true length, so that what lies behind the header's check is reached.
            if (length > 8 && (cut & 3) != 0)
                System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(sample.AsSpan(4), length);
            bench.Pipeline.Handle(sample.AsSpan(0, length));
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
