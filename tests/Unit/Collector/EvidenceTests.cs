using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class EvidenceTests
{
    static readonly Workload Nginx = new() { Namespace = "shop", Image = "docker.io/library/nginx" };

    /// <summary>What a real baseline learned from a few starts of the given programs.</summary>
    static Evidence Learned(string container, params string[] programs)
    {
        var baseline = new Baseline(new WorkloadKey(Nginx.Namespace, Nginx.Image));
        baseline.Apply(new Model
        {
            Workload = Nginx,
            Policy = new Policy { Generation = 1, Version = 1, Mode = LearningMode.Learning },
        });
        foreach (var program in programs)
        {
            Start(baseline, container, program);
        }
        return baseline.TakeDelta()!;
    }

    static VerdictKind Start(Baseline baseline, string container, string program) => baseline.Observe(new ContainerEvent
    {
        TimeNs = 1_700_000_100_000_000_000,
        Kind = EventKind.Exec,
        Container = new ContainerFacts(baseline.Workload, container, "1.25", 1_700_000_000_000_000_000),
        Actor = Actor.Entry("/usr/sbin/nginx"),
        Path = System.Text.Encoding.UTF8.GetBytes(program),
    }).Kind;

    static FromAgent Watch() => new() { Watch = new WatchWorkloads { Workloads = { Nginx } } };

    [Fact]
    public async Task Evidence_of_one_node_is_merged_and_reaches_the_other_and_a_later_one()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var first = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await using var second = await (await collector.EnrolAsync("node-b")).ConnectAsync(spool: 2);
        await first.SendAsync(Watch());
        await first.ModelAsync(model => true);
        await second.SendAsync(Watch());
        await second.ModelAsync(model => true);
        var mine = Learned("c1", "/usr/sbin/nginx", "/usr/bin/date");
        var theirs = Learned("c2", "/usr/bin/date", "/usr/bin/id");

        await first.SendAsync(new FromAgent { Evidence = mine });
        var ack = await first.EvidenceAckAsync();
        await second.SendAsync(new FromAgent { Evidence = theirs });
        await second.EvidenceAckAsync();
        var keys = mine.Behaviours.Concat(theirs.Behaviours).Select(behaviour => behaviour.Key).Distinct().Order().ToList();
        var pushed = await first.ModelAsync(model => model.Evidence.Behaviours.Count == keys.Count);

        Assert.Equal((1ul, mine.Revision), (ack.Generation, ack.Revision));
        Assert.Equal(keys, pushed.Evidence.Behaviours.Select(behaviour => behaviour.Key).Order());
        await collector.StopServerAsync();
        await collector.StartServerAsync();
        await using var third = await (await collector.EnrolAsync("node-c")).ConnectAsync(spool: 3);
        await third.SendAsync(Watch());
        Assert.Equal(pushed.Evidence, (await third.ModelAsync(model => true)).Evidence);
        var shown = (await new Workloads.WorkloadsClient(collector.Admin()).ListAsync(new ListWorkloadsRequest())).Workloads;
        Assert.Equal(keys.Count, Assert.Single(shown).Behaviours);
    }

    [Fact]
    public async Task Evidence_of_a_generation_that_was_reset_is_acknowledged_and_dropped()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await stream.SendAsync(Watch());
        await stream.ModelAsync(model => true);
        var evidence = Learned("c1", "/usr/bin/date");
        await stream.SendAsync(new FromAgent { Evidence = evidence });
        await stream.EvidenceAckAsync();

        await new Workloads.WorkloadsClient(collector.Admin()).LearnAsync(new LearnRequest { Workload = Nginx, Reset = true });
        var reset = await stream.ModelAsync(model => model.Policy.Generation == 2);
        await stream.SendAsync(new FromAgent { Evidence = evidence });
        await stream.EvidenceAckAsync();
        var again = await stream.ModelAsync(model => true);

        Assert.Empty(reset.Evidence.Behaviours);
        Assert.Equal(2ul, reset.Evidence.Generation);
        Assert.Empty(again.Evidence.Behaviours);
    }

    [Fact]
    public async Task What_a_node_claims_to_have_learned_after_the_lock_is_recorded_and_becomes_known_nowhere()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        await using var first = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await using var fresh = await (await collector.EnrolAsync("node-b")).ConnectAsync(spool: 2);
        await first.SendAsync(Watch());
        await fresh.SendAsync(Watch());
        await first.SendAsync(new FromAgent { Evidence = Learned("c1", "/usr/sbin/nginx") });
        await first.EvidenceAckAsync();
        await new Workloads.WorkloadsClient(collector.Admin()).LockAsync(new LockRequest { Workload = Nginx });

        // Learned before the agent heard of the lock.
        await fresh.SendAsync(new FromAgent { Evidence = Learned("c2", "/usr/bin/date") });
        await fresh.EvidenceAckAsync();
        time.Advance(TimeSpan.FromSeconds(11));
        await fresh.SendAsync(new FromAgent { Evidence = Learned("c2", "/usr/bin/date", "/usr/bin/id") });
        await fresh.EvidenceAckAsync();
        var pushed = first.ModelAsync(model => model.Evidence.Behaviours.Any(behaviour => !behaviour.Learned));
        while (!pushed.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(pushed, Task.Delay(20));
        }
        var model = await pushed;
        var baseline = new Baseline(new WorkloadKey(Nginx.Namespace, Nginx.Image));
        baseline.Apply(model);

        Assert.Equal(LearningMode.LockedByHand, model.Policy.Mode);
        Assert.All(model.Evidence.Behaviours, behaviour => Assert.NotEqual(behaviour.Learned, behaviour.Quarantined));
        Assert.Equal(VerdictKind.Known, Start(baseline, "c3", "/usr/sbin/nginx"));
        Assert.Equal(VerdictKind.Known, Start(baseline, "c3", "/usr/bin/date"));
        Assert.Equal(VerdictKind.Anomalous, Start(baseline, "c3", "/usr/bin/id"));
        Assert.True(collector.Server.Parts.Diagnostics.BehavioursWithheld.Value > 0);
    }

    [Fact]
    public async Task Evidence_is_taken_only_for_what_the_node_runs_or_ran()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var agent = await collector.EnrolAsync("node-a");
        var foreign = Learned("c1", "/usr/bin/date");
        var own = Learned("c1", "/usr/bin/id", "/usr/bin/date");
        own.Revision = 4711;
        await using (var stream = await agent.ConnectAsync(spool: 1))
        {
            await stream.SendAsync(new FromAgent { Evidence = foreign });
            var refused = await stream.EvidenceAckAsync();
            Assert.Equal((foreign.Revision, Nginx), (refused.Revision, refused.Workload));
            Assert.Contains("named no container of shop/docker.io/library/nginx", refused.Refused, StringComparison.Ordinal);
            await stream.SendAsync(new FromAgent
            {
                Heartbeat = new Heartbeat { Containers = { new ContainerStatus { Container = CollectorItems.Container() } } },
            });
            await stream.SendAsync(new FromAgent { Evidence = own });
            var merged = await stream.EvidenceAckAsync();
            Assert.Equal((4711ul, ""), (merged.Revision, merged.Refused));
        }
        await using var later = await agent.ConnectAsync(spool: 1);
        await later.SendAsync(new FromAgent { Evidence = own });
        await later.EvidenceAckAsync();

        var outcomes = collector.Server.Parts.Diagnostics.EvidenceMerged;
        Assert.Equal(1, outcomes.WithLabels("foreign").Value);
        Assert.Equal(1, outcomes.WithLabels("merged").Value);
        Assert.Equal(1, outcomes.WithLabels("unchanged").Value);
    }

    [Fact]
    public async Task A_merge_is_done_before_its_turn_to_write_and_holds_no_anomaly_up()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await stream.SendAsync(Watch());
        await stream.ModelAsync(model => true);
        var parts = collector.Server.Parts;
        var held = new TaskCompletionSource();
        var free = new TaskCompletionSource();
        // Somebody writes: the merge can be done all the same, and only its bytes wait.
        var writing = parts.State.WriteAsync(async _ =>
        {
            held.SetResult();
            await free.Task;
        }, CancellationToken.None);
        await held.Task;
        var evidence = Learned("c1", "/usr/bin/date");
        evidence.Behaviours[0].Learned = true;
        for (var i = 0; i < 4000; i++)
        {
            var one = evidence.Behaviours[0].Clone();
            one.Key = (ulong)i + 1;
            evidence.Behaviours.Add(one);
        }

        var merge = parts.Registry.MergeAsync("node-a", evidence, CancellationToken.None);
        await UntilAsync(() => parts.Diagnostics.BehavioursRefused.Value > 0);

        Assert.False(merge.IsCompleted);
        free.SetResult();
        await writing;
        Assert.Null(await merge);
        Assert.Equal(NodeShares.BehavioursPerNode, (await parts.Registry.ModelAsync(new WorkloadKey(Nginx.Namespace, Nginx.Image), CancellationToken.None))!.Evidence.Behaviours.Count);
    }

    static async Task UntilAsync(Func<bool> holds)
    {
        var deadline = DateTime.UtcNow.AddSeconds(20);
        while (!holds())
        {
            Assert.True(DateTime.UtcNow < deadline, "it did not hold within 20 s");
            await Task.Delay(20);
        }
    }

    [Fact]
    public void One_node_adds_at_most_its_share_of_a_workloads_behaviours()
    {
        var shares = new NodeShares();
        var workload = new WorkloadKey("shop", "nginx");
        static Evidence Keys(int from, int count) =>
            new() { Behaviours = { Enumerable.Range(from, count).Select(key => new BehaviourEvidence { Key = (ulong)key }) } };
        var known = Keys(1, 100);

        Assert.Equal(0, shares.Cut("node-a", workload, known, Keys(1, 100 + NodeShares.BehavioursPerNode - 1)));
        var over = Keys(50, 60);
        // 51 of these are known, of 9 new ones there is room for one.
        Assert.Equal(8, shares.Cut("node-a", workload, known, over));
        Assert.Equal(52, over.Behaviours.Count);
        Assert.Equal(0, shares.Cut("node-b", workload, known, Keys(5000, 500)));
        Assert.Equal(0, shares.Cut("node-a", new WorkloadKey("shop", "redis"), known, Keys(5000, 500)));
        shares.Forget(workload);
        Assert.Equal(0, shares.Cut("node-a", workload, known, Keys(5000, 500)));
    }

    [Fact]
    public async Task Evidence_that_cannot_be_merged_is_answered_with_the_reason_and_the_stream_goes_on()
    {
        await using var collector = await CollectorFixture.StartAsync();
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);
        await stream.SendAsync(Watch());
        await stream.ModelAsync(model => true);
        var foreign = Learned("c1", "/usr/bin/date");
        foreign.Format = 4711;
        var nameless = Learned("c1", "/usr/bin/date");
        nameless.Workload = null;

        await stream.SendAsync(new FromAgent { Evidence = foreign });
        await stream.SendAsync(new FromAgent { Evidence = nameless });
        var large = Learned("c1", "/usr/bin/id");
        large.Behaviours[0].Mark = new string('m', 7 << 20);
        await stream.SendAsync(new FromAgent { Evidence = large });
        var good = Learned("c1", "/usr/bin/id");
        await stream.SendAsync(new FromAgent { Evidence = good });

        // Answers come in order, one for each.
        var acks = new List<EvidenceAck>();
        for (var i = 0; i < 4; i++)
        {
            acks.Add(await stream.EvidenceAckAsync());
        }
        Assert.Contains("format 4711", acks[0].Refused, StringComparison.Ordinal);
        Assert.Equal((Nginx, foreign.Generation, foreign.Revision), (acks[0].Workload, acks[0].Generation, acks[0].Revision));
        Assert.Contains("names no workload", acks[1].Refused, StringComparison.Ordinal);
        Assert.Null(acks[1].Workload);
        Assert.Contains("bytes", acks[2].Refused, StringComparison.Ordinal);
        Assert.Equal(("", good.Revision), (acks[3].Refused, acks[3].Revision));
        Assert.Equal(3, collector.Server.Parts.Diagnostics.EvidenceMerged.WithLabels("refused").Value);
    }

    static Evidence OfTexts(int behaviours, string actor, string target)
    {
        var evidence = new Evidence { Workload = Nginx, Format = EvidenceFormat.Current, Generation = 1 };
        for (var i = 1; i <= behaviours; i++)
        {
            evidence.Behaviours.Add(new BehaviourEvidence
            {
                Key = (ulong)i,
                Class = BehaviourClass.Exec,
                Actor = actor,
                Object = target,
                Units = { Enumerable.Range(0, 16).Select(unit => (ulong)unit) },
                Containers = { Enumerable.Range(0, 8).Select(container => (ulong)container) },
                LevelKeys = { 1, 2, 3, 4 },
                LastSeenUnixNs = i,
            });
        }
        return evidence;
    }

    [Fact]
    public void The_longest_texts_a_baseline_makes_pass_and_longer_ones_do_not()
    {
        var exe = "/" + string.Concat(Enumerable.Repeat("\u200b", 500));
        var actor = Actor.Entry(exe).Exec(exe).Exec(exe).Exec(exe).Exec(exe);
        Assert.Null(EvidenceMerge.Refuse(OfTexts(1, $"{actor.Text} > {new string('x', 252)}", new string('x', 252))));
        Assert.NotNull(EvidenceMerge.Refuse(OfTexts(1, new string('x', EvidenceMerge.LongestActor + 1), "x")));
        Assert.NotNull(EvidenceMerge.Refuse(OfTexts(1, "x", new string('x', EvidenceMerge.LongestObject + 1))));
    }

    [Fact]
    public void Merged_evidence_stays_far_below_what_an_agent_takes_and_loses_the_longest_unseen()
    {
        var ascii = OfTexts(Baseline.BehaviourLimit, new string('a', EvidenceMerge.LongestActor), new string('o', EvidenceMerge.LongestObject));
        Assert.Equal(0, EvidenceBound.Cut(ascii));
        Assert.InRange(ascii.CalculateSize(), 6 << 20, EvidenceBound.MaxBytes);

        var wide = OfTexts(Baseline.BehaviourLimit, new string('\u20ac', EvidenceMerge.LongestActor), new string('\u20ac', EvidenceMerge.LongestObject));
        Assert.True(wide.CalculateSize() > 16 << 20);
        var cut = EvidenceBound.Cut(wide);
        Assert.InRange(wide.CalculateSize(), EvidenceBound.MaxBytes - 8192, EvidenceBound.MaxBytes);
        Assert.Equal(Enumerable.Range(cut + 1, Baseline.BehaviourLimit - cut).Select(key => (ulong)key), wide.Behaviours.Select(behaviour => behaviour.Key));

        var old = OfTexts(3, "actor", "object");
        old.Behaviours[1].Actor = new string('x', 2000);
        Assert.Equal(1, EvidenceBound.Cut(old));
        Assert.Null(EvidenceMerge.Refuse(old));
    }

    [Fact]
    public async Task A_model_that_no_message_can_carry_keeps_no_other_from_its_agent_and_one_that_cannot_be_read_begins_anew()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var parts = collector.Server.Parts;
        var (huge, broken) = (new WorkloadKey("shop", "huge"), new WorkloadKey("shop", "broken"));
        await parts.Registry.EnsureAsync("node-a", [huge, broken], CancellationToken.None);
        var bytes = OfTexts(4000, new string('\u20ac', 1500), new string('\u20ac', 200)).ToByteArray();
        Assert.True(bytes.Length > 16 << 20);
        await parts.State.WriteAsync(async db =>
        {
            await db.Workloads.Where(row => row.Image == "huge").ExecuteUpdateAsync(set => set.SetProperty(row => row.Evidence, bytes));
            await db.Workloads.Where(row => row.Image == "broken").ExecuteUpdateAsync(set => set.SetProperty(row => row.Evidence, "nonsense"u8.ToArray()));
        }, CancellationToken.None);
        await using var stream = await (await collector.EnrolAsync("node-a")).ConnectAsync(spool: 1);

        await stream.SendAsync(new FromAgent
        {
            Watch = new WatchWorkloads
            {
                Workloads = { new Workload { Namespace = "shop", Image = "huge" }, new Workload { Namespace = "shop", Image = "broken" }, Nginx },
            },
        });

        var anew = await stream.ModelAsync(model => model.Workload.Image == "broken");
        Assert.Empty(anew.Evidence.Behaviours);
        Assert.True(parts.Diagnostics.EvidenceUnreadable.Value > 0);
        // Told once, however often it is read: what, where, why, and what to do.
        await parts.Registry.ModelAsync(broken, CancellationToken.None);
        var line = Assert.Single(collector.Log.All, line => line.Contains("cannot be read", StringComparison.Ordinal));
        Assert.StartsWith("Error the stored evidence of shop/broken (8 bytes in table workloads of " + collector.Data.StateDatabase, line, StringComparison.Ordinal);
        Assert.Contains("restart the agents that run it", line, StringComparison.Ordinal);
        Assert.Equal(["broken"], await UnreadableAsync(collector));
        await stream.ModelAsync(model => model.Workload.Equals(Nginx));
        await UntilAsync(() => parts.Diagnostics.ModelsUnsendable.Value == 1);
        // The next of its evidence takes the place of what could not be read.
        var fresh = Learned("c1", "/usr/bin/date");
        (fresh.Workload.Image, fresh.Generation) = ("broken", anew.Policy.Generation);
        Assert.Null(await parts.Registry.MergeAsync("node-a", fresh, CancellationToken.None));
        Assert.Single((await parts.Registry.ModelAsync(broken, CancellationToken.None))!.Evidence.Behaviours);
        Assert.Empty(await UnreadableAsync(collector));
        await stream.SendAsync(1, CollectorItems.Anomaly());
        await stream.AckedAsync(Lane.Anomalies, 1);
    }

    static async Task<IEnumerable<string>> UnreadableAsync(CollectorFixture collector) =>
        (await new Workloads.WorkloadsClient(collector.Admin()).ListAsync(new ListWorkloadsRequest()))
            .Workloads.Where(summary => summary.EvidenceUnreadable).Select(summary => summary.Workload.Image);
}
