using System.Collections.Concurrent;
using System.Diagnostics;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Containers;

public sealed class ContainerResolverTests : IAsyncDisposable
{
    const string Id = "3f4a0c5b9d8e7f60112233445566778899aabbccddeeff00112233445566aabb";
    const string Path = $"/k8s.io/{Id}";

    readonly ConcurrentQueue<LookUpAnswer> _answers = new();
    readonly ContainerCounters _counters = new();
    readonly List<ContainerEntry> _resolved = [];
    readonly SemaphoreSlim _woken = new(0);
    ContainerResolver? _resolver;

    ResolverOptions Options { get; set; } = new()
    {
        FirstRetry = TimeSpan.FromMilliseconds(1),
        MaxRetry = TimeSpan.FromMilliseconds(5),
        CandidateGrace = TimeSpan.FromMilliseconds(20),
        Deadline = TimeSpan.FromMinutes(1),
    };

    ContainerResolver Resolver => _resolver ??= new(
        (_, _) => Task.FromResult(_answers.TryDequeue(out var answer) ? answer : LookUpAnswer.Away),
        () => _woken.Release(), Options, _counters, TimeProvider.System);

    public ValueTask DisposeAsync() => _resolver?.DisposeAsync() ?? ValueTask.CompletedTask;

    static Container Web => new() { Id = Id, Workload = new() { Namespace = "shop", Image = "docker.io/library/web" } };

    void DrainUntil(Func<bool> done)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            Resolver.Drain(_resolved.Add);
            if (done())
                return;
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), "nothing was resolved in 20 s");
            _woken.Wait(TimeSpan.FromMilliseconds(5));
        }
    }

    [Fact]
    public void Samples_wait_for_the_answer_and_for_the_release_and_come_in_order()
    {
        Assert.True(Resolver.OnCgroupCreated(10, 1, Path));
        Assert.True(Resolver.TryGet(10, out var entry));
        Assert.Equal(ContainerState.Resolving, entry.State);
        for (byte i = 0; i < 5; i++)
            Assert.True(Resolver.Park(10, [i, 1, 2]));

        _answers.Enqueue(LookUpAnswer.Found(Web));
        DrainUntil(() => _resolved.Count == 1);
        Assert.Equal((ContainerState.Held, "shop"), (entry.State, entry.Facts.Workload.Namespace));
        Assert.True(Resolver.Park(10, [5, 1, 2]));

        var replayed = new List<byte>();
        Resolver.Release(entry, sample => replayed.Add(sample[0]));

        Assert.Equal([0, 1, 2, 3, 4, 5], replayed);
        Assert.Equal((ContainerState.Live, 0, 0), (entry.State, Resolver.ParkedBytes, Resolver.Held));
    }

    [Fact]
    public void Parking_is_bounded_and_drops_the_newest_counted()
    {
        Options = Options with { ParkedSamplesPerContainer = 3, ParkedBytesTotal = 50, ParkedBytesPerContainer = 40 };
        Resolver.OnCgroupCreated(10, 1, Path);
        Resolver.OnCgroupCreated(20, 2, "/default/other");

        Assert.True(Resolver.Park(10, new byte[10]));
        Assert.True(Resolver.Park(10, new byte[10]));
        Assert.True(Resolver.Park(10, new byte[10]));
        Assert.False(Resolver.Park(10, new byte[1]));
        Assert.False(Resolver.Park(20, new byte[21]));
        Assert.True(Resolver.Park(20, new byte[20]));
        Assert.False(Resolver.Park(20, new byte[1]));
        Assert.False(Resolver.Park(99, new byte[1]));

        Assert.Equal(3, _counters[ContainerCounter.ParkDropped]);
        Assert.True(Resolver.TryGet(10, out var entry));
        Assert.Equal(1, entry.ParkDropped);
    }

    [Fact]
    public void Without_an_answer_in_time_the_cgroup_is_the_identity_until_the_runtime_is_back()
    {
        Options = Options with { Deadline = TimeSpan.FromMilliseconds(30) };
        Resolver.OnCgroupCreated(10, 1, Path);
        Resolver.Park(10, [7]);

        DrainUntil(() => _resolved.Count == 1);
        var entry = _resolved[0];
        Assert.True(entry.Fallback);
        Assert.Equal(("host", $"cgroup:{Path}"), (entry.Facts.Workload.Namespace, entry.Facts.Workload.Image));
        Resolver.Release(entry, _ => { });
        Assert.Equal(ContainerState.Live, entry.State);

        _answers.Enqueue(LookUpAnswer.Found(Web));
        DrainUntil(() => _resolved.Count == 2);
        Assert.Equal((false, "shop", ContainerState.Held), (entry.Fallback, entry.Facts.Workload.Namespace, entry.State));
        Assert.Equal(1, _counters[ContainerCounter.Fallback]);
    }

    [Theory]
    [InlineData("/system.slice/nginx.service", "unit:nginx.service")]
    [InlineData("/user.slice/user-1000.slice/session-1.scope", "user")]
    [InlineData("/a/b/c", "cgroup:/a/b/c")]
    [InlineData("/a/\u001b[2J/c", "cgroup:/a/\ufffd[2J/c")]
    [InlineData("/sandbox", "cgroup:/sandbox")]
    public void What_no_runtime_knows_is_a_workload_of_the_host(string path, string image)
    {
        for (var i = 0; i < 1000; i++)
            _answers.Enqueue(LookUpAnswer.NotFound);
        Resolver.OnCgroupCreated(10, 1, path);

        DrainUntil(() => _resolved.Count == 1);

        Assert.Equal(("host", image), (_resolved[0].Facts.Workload.Namespace, _resolved[0].Facts.Workload.Image));
        Assert.False(_resolved[0].Fallback);
    }

    [Fact]
    public void Nested_cgroups_are_their_container_and_it_dies_with_the_last()
    {
        Resolver.OnCgroupCreated(10, 1, Path);
        Resolver.OnCgroupCreated(11, 2, $"{Path}/nested");
        _answers.Enqueue(LookUpAnswer.Found(Web));
        DrainUntil(() => _resolved.Count == 1);
        Resolver.Release(_resolved[0], _ => { });

        Assert.True(Resolver.TryGet(11, out var nested));
        Assert.Same(_resolved[0], nested);
        Resolver.OnCgroupRemoved(11);
        Assert.False(Resolver.TryGet(11, out _));
        Assert.Equal(ContainerState.Live, nested.State);
        Resolver.OnCgroupRemoved(10);
        Assert.True(Resolver.TryGet(10, out var dead));
        Assert.Equal((ContainerState.Dead, "shop"), (dead.State, dead.Facts.Workload.Namespace));

        Assert.True(Resolver.OnCgroupCreated(12, 1, Path));
        Assert.True(Resolver.TryGet(12, out var restarted));
        Assert.NotSame(dead, restarted);
    }

    [Fact]
    public void A_cgroup_that_claims_a_living_containers_id_is_the_hosts()
    {
        _answers.Enqueue(LookUpAnswer.Found(Web));
        Resolver.OnCgroupCreated(10, 1, Path);
        DrainUntil(() => _resolved.Count == 1);

        Resolver.OnCgroupCreated(11, 2, $"/elsewhere/docker/{Id}");
        DrainUntil(() => _resolved.Count == 2);

        Assert.Equal(1, _counters[ContainerCounter.Conflict]);
        Assert.Equal("host", _resolved[1].Facts.Workload.Namespace);
    }

    [Fact]
    public void A_container_that_ended_before_the_answer_is_judged_and_then_dead()
    {
        Resolver.OnCgroupCreated(10, 1, Path);
        Resolver.Park(10, [1]);
        Resolver.OnCgroupRemoved(10);
        _answers.Enqueue(LookUpAnswer.Found(Web));
        DrainUntil(() => _resolved.Count == 1);

        var replayed = 0;
        Resolver.Release(_resolved[0], _ => replayed++);

        Assert.Equal((1, ContainerState.Dead), (replayed, _resolved[0].State));
    }

    [Fact]
    public void The_dead_are_forgotten_after_their_time_and_what_they_had_parked_is_counted()
    {
        Options = Options with { KeepDead = TimeSpan.FromMilliseconds(20) };
        Resolver.OnCgroupCreated(10, 1, Path);
        Resolver.Park(10, [1]);
        Resolver.OnCgroupRemoved(10);

        DrainUntil(() => !Resolver.TryGet(10, out _));

        Assert.Equal((0, 0), (Resolver.Count, Resolver.ParkedBytes));
        Assert.Equal(1, _counters[ContainerCounter.ForgottenParked]);
    }

    [Fact]
    public void A_full_table_refuses_and_counts_and_parents_are_not_entered()
    {
        Options = Options with { MaxContainers = 2 };
        Assert.False(Resolver.OnCgroupCreated(1, 1, "/kubepods/besteffort"));
        Assert.True(Resolver.OnCgroupCreated(2, 2, "/default/a"));
        Assert.True(Resolver.OnCgroupCreated(3, 3, "/default/b"));
        Assert.False(Resolver.OnCgroupCreated(4, 4, "/default/c"));
        Assert.Equal(1, _counters[ContainerCounter.TableFull]);

        Resolver.OnCgroupRemoved(2);
        Assert.True(Resolver.OnCgroupCreated(4, 4, "/default/c"));
    }

    [Fact]
    public void Looking_up_allocates_nothing()
    {
        Resolver.OnCgroupCreated(10, 1, Path);
        Resolver.TryGet(10, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (ulong i = 0; i < 1000; i++)
            Resolver.TryGet(10 + (i & 1), out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
