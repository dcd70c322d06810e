using Grpc.Core;
using RuntimeGuard.Collector.Gateway;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>What a candidate baseline would have said of the history that is kept.</summary>
public sealed class CandidateReplayTests
{
    static readonly Workload Nginx = Behaviours.Nginx;
    const long Hour = 3_600_000_000_000;

    static Record Activity(string container, string target, long timeNs, uint count = 1, BehaviourClass behaviourClass = BehaviourClass.Exec) => new()
    {
        Activity = new Activity
        {
            MinuteUnixNs = timeNs, ContainerId = container, Kind = EventKind.Exec, Class = behaviourClass, Actor = "nginx", Object = target,
            Example = $"{target} --literal", Count = count, FirstUnixNs = timeNs, LastUnixNs = timeNs + 1000, Pid = 7,
        },
    };

    static async Task<WireStream> WithHistoryAsync(CollectorFixture collector, long now)
    {
        var stream = await collector.WatchingAsync("node-a", Nginx);
        await stream.LearnAsync(Behaviours.Of("nginx", "/bin/known"), Behaviours.Of("nginx", "/tmp/*w.log", BehaviourClass.FileWrite),
            Behaviours.Of("nginx", "/bin/held", learned: false, quarantined: true), Behaviours.Of("nginx", "/bin/denied"));
        await stream.SendAsync(1, new Record { Container = CollectorItems.Container("c1") }, new Record { Container = CollectorItems.Container("c2") },
            new Record { Container = CollectorItems.Container("c3", image: "docker.io/library/nginx-other") },
            Activity("c1", "/bin/known", now - Hour, 40), Activity("c1", "/tmp/a.log", now - Hour, 1, BehaviourClass.FileWrite),
            Activity("c1", "/bin/held", now - (3 * Hour), 2), Activity("c2", "/bin/held", now - (2 * Hour), 3), Activity("c1", "/bin/new", now - Hour),
            Activity("c2", "/bin/denied", now - Hour), Activity("c3", "/bin/elsewhere", now - Hour), Activity("c1", "/bin/old", now - (30 * Hour)));
        await stream.AckedAsync(Lane.Records, 11);
        return stream;
    }

    [Fact]
    public async Task What_is_not_known_or_is_denied_would_have_fired_with_when_where_and_how_often()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var now = CollectorItems.NowNs;
        await using var stream = await WithHistoryAsync(collector, now);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());
        await workloads.SetOverrideAsync(Denied());

        var to = CollectorItems.NowNs;
        var answer = await workloads.WouldFireAsync(new WouldFireRequest { Workload = Nginx, ToUnixNs = to });

        Assert.Equal([("nginx -> /bin/held", 5ul, false), ("nginx -> /bin/denied", 1ul, true), ("nginx -> /bin/new", 1ul, false)],
            answer.Firings.Select(firing => (firing.Behaviour, firing.Count, firing.Denied)));
        var held = answer.Firings[0];
        Assert.Equal((2, now - (3 * Hour), now - (2 * Hour) + 1000), (held.Containers, held.FirstUnixNs, held.LastUnixNs));
        Assert.Equal(("/bin/held --literal", "c1", "node-a"), (held.Example, held.ExampleContainer, held.Node));
        // Known by name, and by a pattern it learned.
        Assert.Equal((2ul, 48ul, false), (answer.KnownBehaviours, answer.Occurrences, answer.Partial));
        Assert.Equal((to - (24 * Hour), to), (answer.SearchedFromUnixNs, answer.SearchedToUnixNs));
        Assert.Equal("node-a", Assert.Single(answer.Coverage.Nodes).Node);
        var longer = await workloads.WouldFireAsync(new WouldFireRequest { Workload = Nginx, FromUnixNs = now - (48 * Hour), ToUnixNs = now });
        Assert.Contains("nginx -> /bin/old", longer.Firings.Select(firing => firing.Behaviour));
    }

    [Fact]
    public async Task A_given_candidate_is_asked_in_the_place_of_the_current_baseline_and_changes_nothing()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var now = CollectorItems.NowNs;
        await using var stream = await WithHistoryAsync(collector, now);
        var workloads = new Workloads.WorkloadsClient(collector.People(await collector.TokenOfAsync("viewer")));
        var candidate = await workloads.GetBaselineAsync(new GetWorkloadRequest { Workload = Nginx });
        foreach (var behaviour in candidate.Evidence.Behaviours)
        {
            behaviour.Learned = true;
        }
        candidate.Policy.Overrides.Add(new Override
        {
            Id = "o", Kind = OverrideKind.Allow, Scope = OverrideScope.Pattern, Class = BehaviourClass.Exec, Actor = "nginx", Object = "/bin/n*",
        });

        var answer = await workloads.WouldFireAsync(new WouldFireRequest { Workload = Nginx, Candidate = candidate });

        Assert.Empty(answer.Firings);
        Assert.Equal(5ul, answer.KnownBehaviours);
        Assert.Empty((await workloads.GetAsync(new GetWorkloadRequest { Workload = Nginx })).Summary.Policy.Overrides);
    }

    [Fact]
    public async Task A_damaged_candidate_and_an_empty_time_are_refused_with_what_is_wrong()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await collector.WatchingAsync("node-a", Nginx);
        var workloads = new Workloads.WorkloadsClient(collector.Admin());
        var format = new Model { Evidence = new Evidence { Workload = Nginx, Format = 4711 } };
        var wild = new Model { Evidence = Behaviours.Evidence(Nginx), Policy = new Policy { Overrides = { new Override() } } };

        foreach (var (request, says) in new[]
        {
            (new WouldFireRequest { Workload = Nginx, Candidate = new Model() }, "candidate: it holds no evidence"),
            (new WouldFireRequest { Workload = Nginx, Candidate = format }, "candidate: evidence has format 4711"),
            (new WouldFireRequest { Workload = Nginx, Candidate = wild }, "candidate: an override allows or denies"),
            (new WouldFireRequest { Workload = Nginx, FromUnixNs = 5, ToUnixNs = 5 }, "the time range is empty"),
        })
        {
            var refused = await Assert.ThrowsAsync<RpcException>(async () => await workloads.WouldFireAsync(request));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.Contains(says, refused.Status.Detail, StringComparison.Ordinal);
        }
        var nothing = await workloads.WouldFireAsync(new WouldFireRequest { Workload = Nginx, FromUnixNs = 1 });
        Assert.Empty(nothing.Firings);
        Assert.False(nothing.Partial);
    }

    [Fact]
    public void An_override_of_one_version_holds_for_that_version_and_an_expired_one_for_none()
    {
        var one = new Override
        {
            Kind = OverrideKind.Allow, Scope = OverrideScope.Behaviour, Class = BehaviourClass.Exec, Key = 1, Actor = "a", Object = "b",
            Version = "1.26@x", ExpiresUnixNs = 100,
        };
        var model = new Model { Policy = new Policy { Overrides = { one } } };

        Assert.Equal(CandidateVerdict.Known, new CandidateBaseline(model, 99).Judge(BehaviourClass.Exec, "a -> b", "1.26@x"));
        Assert.Equal(CandidateVerdict.New, new CandidateBaseline(model, 99).Judge(BehaviourClass.Exec, "a -> b", "1.25@x"));
        Assert.Equal(CandidateVerdict.New, new CandidateBaseline(model, 99).Judge(BehaviourClass.NetOut, "a -> b", "1.26@x"));
        Assert.Equal(CandidateVerdict.New, new CandidateBaseline(model, 100).Judge(BehaviourClass.Exec, "a -> b", "1.26@x"));
    }

    [Theory]
    [InlineData(10_001, true, "more than 10000 behaviours it does not know")]
    [InlineData(3, false, "holds more than 200000 sums")]
    [InlineData(3, true, "")]
    public async Task What_was_not_searched_to_its_end_is_said_and_does_not_count_as_searched(int behaviours, bool whole, string says)
    {
        await using var collector = await CollectorFixture.StartAsync();
        var to = CollectorItems.NowNs;
        var replay = new CandidateReplay(new CannedHistory(behaviours, whole, to - Hour), collector.Server.Parts.Coverage, TimeProvider.System);

        var answer = await replay.RunAsync(new WorkloadKey("shop", "nginx"), new Model(), to - (48 * Hour), to, CancellationToken.None);

        Assert.Contains(says, answer.PartialReason, StringComparison.Ordinal);
        Assert.Equal((says.Length > 0, says.Length > 0 ? to : to - (48 * Hour)), (answer.Partial, answer.SearchedFromUnixNs));
        Assert.Equal(Math.Min(behaviours, 10_000), answer.Firings.Count);
    }

    /// <summary>So many behaviours on the newest day, and a store that did or did not hand out all of them.</summary>
    sealed class CannedHistory(int behaviours, bool whole, long timeNs) : IHistoryStore
    {
        public StoreHealth Health { get; } = new(0, [], null);

        public Task<bool> ReadBehavioursAsync(HistoryRange range, int limit, Action<BehaviourRow> take, CancellationToken cancellation)
        {
            for (var i = 0; i < behaviours && range.FromUnixNs <= timeNs && timeNs < range.ToUnixNs; i++)
            {
                take(new BehaviourRow
                {
                    Class = BehaviourClass.Exec, Behaviour = $"a -> {i}", Tag = "", Digest = "", Container = "c", Example = "", Node = "n", Count = 1,
                    FirstUnixNs = timeNs, LastUnixNs = timeNs,
                });
            }
            return Task.FromResult(whole);
        }

        public LaneMark? Committed(LaneKey key) => null;

        public ValueTask<Task<ulong>> AppendAsync(HistoryBatch batch, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<HistoryPage> QueryAsync(HistoryFilter filter, CancellationToken cancellation) => throw new NotSupportedException();

        public Task ReadCoverageAsync(long fromUnixNs, long toUnixNs, string node, Action<CoverageRow> take, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public Task<RetentionReport> EnforceAsync(TimeSpan age, long bytes, CancellationToken cancellation) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    static SetOverrideRequest Denied() => new()
    {
        Workload = Nginx,
        Override = new Override
        {
            Kind = OverrideKind.Deny, Scope = OverrideScope.Behaviour, Class = BehaviourClass.Exec, Actor = "nginx", Object = "/bin/denied", Reason = "x",
        },
    };
}
