using CsCheck;
using Google.Protobuf;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class EvidenceMergeTests
{
    static readonly Gen<BehaviourEvidence> SomeBehaviour =
        from key in Gen.ULong[1, 6]
        from units in Gen.ULong[1, 60].Array[0, 16]
        from containers in Gen.ULong[1, 30].Array[0, 8]
        from times in Gen.Select(Gen.Long[1, 1000], Gen.Long[0, 100])
        from days in Gen.Select(Gen.Long[19_000, 19_200], Gen.ULong)
        from hours in Gen.Byte.Array[21]
        from flags in Gen.Select(Gen.Bool, Gen.Bool, Gen.Int[0, 3])
        select Behaviour(key, units, containers, times, days, hours, flags);

    static readonly Gen<Evidence> SomeEvidence =
        from behaviours in SomeBehaviour.Array[0, 6]
        from units in Gen.ULong.Array[0, 1400]
        from generation in Gen.Frequency((4, Gen.Const(1ul)), (1, Gen.Const(2ul)))
        from revision in Gen.ULong[0, 5]
        select Make(behaviours, units, generation, revision);

    [Fact]
    public void Merging_is_commutative() => Gen.Select(SomeEvidence, SomeEvidence).Sample(
        (a, b) => Bytes(EvidenceMerge.Merge(a, b)) == Bytes(EvidenceMerge.Merge(b, a)), iter: 300);

    [Fact]
    public void Merging_is_associative() => Gen.Select(SomeEvidence, SomeEvidence, SomeEvidence).Sample((a, b, c) =>
        Bytes(EvidenceMerge.Merge(EvidenceMerge.Merge(a, b), c)) == Bytes(EvidenceMerge.Merge(a, EvidenceMerge.Merge(b, c))),
        iter: 300);

    [Fact]
    public void Merging_is_idempotent() => Gen.Select(SomeEvidence, SomeEvidence).Sample((a, b) =>
    {
        var once = EvidenceMerge.Merge(a, b);
        return Bytes(EvidenceMerge.Merge(once, b)) == Bytes(once) && Bytes(EvidenceMerge.Merge(once, once)) == Bytes(once);
    }, iter: 300);

    [Fact]
    public void Merging_is_bit_identical_in_any_split_and_order() => Gen.Select(SomeEvidence.Array[1, 8], Gen.Int).Sample((parts, seed) =>
    {
        var shuffled = parts.ToArray();
        new Random(seed).Shuffle(shuffled);
        var half = shuffled.Length / 2;
        var forward = parts.Aggregate(EvidenceMerge.Merge);
        var tree = half == 0 ? shuffled.Aggregate(EvidenceMerge.Merge)
            : EvidenceMerge.Merge(shuffled[..half].Aggregate(EvidenceMerge.Merge), shuffled[half..].Aggregate(EvidenceMerge.Merge));
        return Bytes(EvidenceMerge.Merge(forward, forward)) == Bytes(EvidenceMerge.Merge(tree, tree));
    }, iter: 200);

    [Fact]
    public void Merging_changes_neither_side() => Gen.Select(SomeEvidence, SomeEvidence).Sample((a, b) =>
    {
        var (before, beforeB) = (Bytes(a), Bytes(b));
        EvidenceMerge.Merge(a, b);
        return Bytes(a) == before && Bytes(b) == beforeB;
    }, iter: 100);

    [Fact]
    public void The_higher_generation_replaces_the_lower()
    {
        var old = Make([Behaviour(1, [1], [1], (1, 1), (19_000, 1), new byte[21], (false, true, 1))], [1], 1, 1);
        var reset = new Evidence { Workload = old.Workload, Generation = 2 };
        Assert.Empty(EvidenceMerge.Merge(old, reset).Behaviours);
        Assert.Equal(2ul, EvidenceMerge.Merge(reset, old).Generation);
    }

    [Fact]
    public void An_empty_side_is_the_neutral_one_whatever_its_format()
    {
        var one = Make([Behaviour(1, [1], [1], (1, 1), (19_000, 1), new byte[21], (false, true, 1))], [1], 1, 1);
        var empty = new Evidence { Workload = one.Workload.Clone(), Generation = 1 };
        Assert.Equal(Bytes(one), Bytes(EvidenceMerge.Merge(empty, one)));
    }

    [Fact]
    public void Foreign_formats_and_workloads_do_not_merge()
    {
        var one = Make([], [1], 1, 1);
        var format = one.Clone();
        format.Format = 99;
        Assert.Throws<ArgumentException>(() => EvidenceMerge.Merge(one, format));
        var workload = one.Clone();
        workload.Workload.Image = "other";
        Assert.Throws<ArgumentException>(() => EvidenceMerge.Merge(one, workload));
    }

    [Fact]
    public void Evidence_from_outside_is_refused_with_a_reason_or_fits_every_bound()
    {
        Assert.Contains("format 99", EvidenceMerge.Refuse(new Evidence { Format = 99 }), StringComparison.Ordinal);
        var good = Make([Behaviour(1, [1], [1], (1, 1), (19_000, 1), new byte[21], (false, true, 1))], [1], 1, 1);
        Assert.Null(EvidenceMerge.Refuse(good));
        foreach (var spoil in (Action<Evidence>[])
        [
            e => e.Behaviours[0].Class = (BehaviourClass)77,
            e => e.Behaviours[0].Units.AddRange(Enumerable.Range(0, 17).Select(i => (ulong)i)),
            e => e.Behaviours[0].LevelKeys.Clear(),
            e => e.Behaviours[0].HoursOfWeek = ByteString.CopyFrom(1, 2),
            e => e.Behaviours[0].Object = new string('x', 5000),
            e => e.Behaviours[0].MaxDay = -1,
            e => e.Classes[0].Class = BehaviourClass.Unspecified,
            e => e.Workload = null,
        ])
        {
            var bad = good.Clone();
            spoil(bad);
            Assert.NotNull(EvidenceMerge.Refuse(bad));
        }
    }

    static string Bytes(Evidence evidence) => Convert.ToHexString(evidence.ToByteArray());

    static BehaviourEvidence Behaviour(ulong key, ulong[] units, ulong[] containers, (long First, long Length) times,
        (long Max, ulong Bits) days, byte[] hours, (bool Quarantined, bool Learned, int Phase) flags)
    {
        var evidence = new BehaviourEvidence
        {
            Class = BehaviourClass.Exec,
            Key = key,
            Actor = "a",
            Object = $"o{key}",
            Mark = "image-binary",
            FirstSeenUnixNs = times.First,
            LastSeenUnixNs = times.First + times.Length,
            MaxDay = days.Bits == 0 ? 0 : days.Max,
            Days = days.Bits,
            HoursOfWeek = ByteString.CopyFrom(hours),
            Quarantined = flags.Quarantined,
            Learned = flags.Learned,
            StartPhase = flags.Phase,
        };
        evidence.Units.AddRange(units.Distinct().Order());
        evidence.Containers.AddRange(containers.Distinct().Order());
        evidence.LevelKeys.AddRange([key, key + 1, key + 2, key + 3]);
        return evidence;
    }

    static Evidence Make(BehaviourEvidence[] behaviours, ulong[] units, ulong generation, ulong revision)
    {
        var evidence = new Evidence
        {
            Workload = new Workload { Namespace = "shop", Image = "nginx" },
            Format = EvidenceFormat.Current,
            Generation = generation,
            Revision = revision,
        };
        evidence.Behaviours.AddRange(behaviours);
        var complete = new ClassEvidence { Class = BehaviourClass.Exec, FirstCompleteUnixNs = (long)revision };
        complete.Units.AddRange(units.Distinct().Order().Take(1024));
        evidence.Classes.Add(complete);
        return evidence;
    }
}
