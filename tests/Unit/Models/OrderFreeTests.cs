using System.Text;
using CsCheck;
using Google.Protobuf;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>
/// Evidence of nodes that learned apart is, once merged, that of one node which saw all: bit by bit, in any split, order and
/// repetition, with names that collapse, open and end again. Left out by nature: <c>rates</c> (each node counts for itself
/// and says so) and <c>revision</c> (the sender's own); and, where a hard pattern was folded meanwhile, <c>features</c>,
/// which name what a container did by the names in force when it did it.
/// </summary>
public sealed class OrderFreeTests
{
    // What is novel is accepted: what a node accepts while e is small depends on how much it has seen.
    static readonly ModelOptions AcceptAll = ModelOptions.Default with { SetMembership = true };

    static readonly Actor[] Actors =
        [Actor.Entry("/usr/sbin/nginx"), Actor.Entry("/usr/sbin/nginx").Exec("/bin/sh"), Actor.Entry("/usr/bin/java")];

    static readonly ContainerFacts[] Containers =
    [
        .. Enumerable.Range(0, 8).Select(i => new ContainerFacts(Key, $"c{i}", i % 3 == 0 ? "1.26" : "1.25", Start + (i * 20 * 60 * Second))
        {
            SecretMounts = ["/srv/vault"],
            SeenFromBirth = i % 2 == 0,
        }),
    ];

    sealed record Happening(int Container, int Actor, EventKind Kind, string Path, string Path2, string Arguments, byte[] Peer, ushort Port, long StepNs);

    static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    /// <summary>How wide names spread: a few that recur, some that open a group, many that make it hard.</summary>
    static Gen<string> Name(int most) => Gen.Int[0, most].Select(BaselinePropertyTests.Letters);

    static readonly Gen<int> Spread = OneOf(3, 9, 14, 30, 90);

    static readonly Gen<string> Paths =
        from spread in Spread
        from wide in Spread
        from top in OneOf("/srv/a", "/srv/b", "/var/lib/app", "/tmp", "/etc/app", "/srv/vault", "/srv")
        from directory in Name(wide)
        from name in Name(spread)
        from end in OneOf("", ".jpg", ".php", "_key", "12", "é", "\u202e")
        from deep in Gen.Int[0, 2]
        select deep switch { 0 => $"{top}/{name}{end}", 1 => $"{top}/{directory}/{name}{end}", _ => $"{top}/{directory}/x/{name}{end}" };

    static readonly Gen<string> CommandLines =
        from first in Spread.SelectMany(Name)
        from second in Spread.SelectMany(Name)
        from shape in Gen.Int[0, 4]
        select shape switch
        {
            0 => $"render\0{first}\0-o\0/srv/out/{second}.png\0",
            1 => $"render\0--fast\0{first}\0",
            2 => $"sh\0-c\0{first}ls; cat x\0",
            3 => $"cat\0/srv/vault/{first}\0",
            _ => $"git\0{second}\0{first}\0",
        };

    static readonly Gen<Happening> Happenings =
        from container in Gen.Int[0, Containers.Length - 1]
        from actor in Gen.Int[0, Actors.Length - 1]
        from kind in OneOf(EventKind.Write, EventKind.Write, EventKind.Exec, EventKind.Connect, EventKind.Unlink, EventKind.Chmod,
            EventKind.Rename, EventKind.Link, EventKind.Listen, EventKind.Open, EventKind.Mount, EventKind.Create)
        from path in Paths
        from path2 in Paths
        from command in CommandLines
        from peer in Gen.Select(OneOf<byte>(10, 93), OneOf<byte>(1, 2, 3), Spread.SelectMany(most => Gen.Int[0, most]), Spread.SelectMany(most => Gen.Int[0, most]))
        from port in Gen.OneOf(OneOf<ushort>(443, 5432, 40000), Gen.UShort[5000, 5012])
        from step in Gen.Frequency((6, Gen.Long[0, 30 * Second]), (1, Gen.Long[0, 50 * 60 * Second]), (1, Gen.Long[-20 * Second, 0]))
        select new Happening(container, actor, kind, kind == EventKind.Exec ? "/usr/bin/" + command[..command.IndexOf('\0')] : path, path2,
            kind == EventKind.Exec ? command : "", kind == EventKind.Connect ? [peer.Item1, peer.Item2, (byte)peer.Item3, (byte)peer.Item4] : [], port, step);

    /// <summary>Which node each container lives on, and the dice for when deltas go and models come.</summary>
    static readonly Gen<(int[] Nodes, int Seed)> Splits =
        Gen.Select(Gen.Int[1, 5].SelectMany(nodes => Gen.Int[0, nodes - 1].Array[Containers.Length]), Gen.Int);

    [Fact]
    public void Nodes_apart_and_one_node_that_saw_all_have_the_same_evidence() =>
        Gen.Select(Happenings.Array[50, 900], Splits, Happenings.Array[60]).Sample((events, split, probes) =>
        {
            var alone = new Baseline(Key, new BaselineOrigin(1, 99), AcceptAll);
            var nodes = Enumerable.Range(0, 5).Select(n => new Baseline(Key, new BaselineOrigin(1, (ulong)n + 1), AcceptAll)).ToArray();
            var dice = new Random(split.Seed);
            var sent = new List<Evidence>();
            var now = Start;
            foreach (var e in events)
            {
                now += e.StepNs;
                var node = nodes[split.Nodes[e.Container]];
                Observe(alone, e, now);
                Observe(node, e, now);
                if (dice.Next(40) == 0)
                    Send(node, sent, acknowledged: dice.Next(2) == 0);
                if (sent.Count > 0 && dice.Next(80) == 0)
                    nodes[dice.Next(5)].Apply(new Model { Evidence = sent.Aggregate(EvidenceMerge.Merge) });
            }
            foreach (var baseline in nodes.Append(alone))
                baseline.Advance(now + (3 * Hour));
            foreach (var node in nodes)
                while (Send(node, sent, acknowledged: true))
                {
                }
            var all = sent.Concat(sent.Take(dice.Next(sent.Count))).ToArray();
            dice.Shuffle(all);
            var merged = all.Append(all[0]).Aggregate(EvidenceMerge.Merge);
            var whole = EvidenceMerge.Merge(alone.Snapshot().Evidence, alone.Snapshot().Evidence);
            Assert.Equal(Sums(whole), Sums(merged));
            Same(whole, merged);

            // What it is to judge by: built up event by event, or from the evidence at once.
            var loaded = new Baseline(Key, new BaselineOrigin(1, 99), AcceptAll);
            loaded.Apply(new Model { Evidence = merged });
            foreach (var baseline in (Baseline[])[alone, loaded])
                baseline.Apply(new Model { Policy = new Policy { Version = 1, Mode = LearningMode.Frozen } });
            foreach (var probe in probes)
            {
                var (one, other) = (Observe(alone, probe, now), Observe(loaded, probe, now));
                Assert.True((one.Kind, one.Behaviour) == (other.Kind, other.Behaviour), $"{probe}: {one.Kind}, loaded: {other.Kind}");
            }
        }, iter: 200);

    static bool Send(Baseline node, List<Evidence> sent, bool acknowledged)
    {
        if (node.TakeDelta() is not { } delta)
            return false;
        sent.Add(delta.Clone());
        if (acknowledged)
            node.Acknowledge(delta.Generation, delta.Revision);
        return true;
    }

    static void Same(Evidence a, Evidence b)
    {
        (a, b) = (a.Clone(), b.Clone());
        foreach (var one in (Evidence[])[a, b])
        {
            one.Revision = 0;
            one.Rates.Clear();
            if (one.Behaviours.Any(behaviour => behaviour.Object.Contains('*', StringComparison.Ordinal) || behaviour.Object.EndsWith(":high", StringComparison.Ordinal)))
                one.Features.Clear();
        }
        if (a.ToByteArray().AsSpan().SequenceEqual(b.ToByteArray()))
            return;
        Assert.Equal(Lines(a), Lines(b));
        Assert.Fail("the same fields, other bytes");
    }

    static string Lines(Evidence evidence) => string.Join('\n', evidence.Behaviours.Select(b => b.ToString()).Order()
        .Concat(evidence.Classes.Select(c => c.ToString())).Concat(evidence.Versions.Select(v => v.ToString())).Concat(evidence.Features.Select(f => f.ToString())));

    /// <summary>Counters are each node's own; their sums are the same.</summary>
    static string Sums(Evidence evidence) => string.Join(' ', evidence.Rates.SelectMany(r => r.Classes).SelectMany(c => c.Volumes, (c, v) => (c.Class, v.Bucket, v.Sum))
        .Where(v => v.Sum > 0).GroupBy(v => (v.Class, v.Bucket)).OrderBy(g => g.Key).Select(g => $"{g.Key} {g.Sum(v => v.Sum)}"));

    static Verdict Observe(Baseline baseline, Happening e, long timeNs) => baseline.Observe(new ContainerEvent
    {
        TimeNs = timeNs,
        Kind = e.Kind,
        Container = Containers[e.Container],
        Actor = Actors[e.Actor],
        Path = e.Kind is EventKind.Connect or EventKind.Listen ? default : Encoding.UTF8.GetBytes(e.Path),
        Path2 = e.Kind is EventKind.Rename or EventKind.Link ? Encoding.UTF8.GetBytes(e.Path2) : default,
        Arguments = Encoding.UTF8.GetBytes(e.Arguments),
        Peer = e.Peer,
        Port = e.Port,
        Protocol = e.Kind is EventKind.Connect or EventKind.Listen ? (byte)6 : (byte)0,
        Mode = 0x1A4,
    });
}
