using CsCheck;
using Google.Protobuf;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>
/// Commutative, associative and idempotent for every ledger, and for behaviours whose names fold into patterns: below the
/// caps of versions and containers, where what is dropped goes by times that merging changes.
/// </summary>
public sealed class MergeLawTests
{
    static readonly Workload Nginx = new() { Namespace = "shop", Image = "nginx" };

    static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    static readonly Gen<BehaviourEvidence> SomeBehaviour =
        from kind in Gen.Int[0, 3]
        from names in Gen.Select(Gen.Int[0, 90], Gen.Int[0, 20], Gen.Int[0, 3])
        from units in Gen.ULong[1, 1000].Array[0, 3]
        from flags in Gen.Select(Gen.Frequency((9, Gen.Const(true)), (1, Gen.Const(false))), Gen.Bool, Gen.Frequency((20, Gen.Const(false)), (1, Gen.Const(true))))
        from actor in OneOf("/usr/sbin/nginx", "/bin/sh")
        select Behaviour(kind, names, units, flags, actor);

    static readonly Gen<Evidence> SomeEvidence =
        from behaviours in SomeBehaviour.Array[0, 150]
        from versions in Gen.Select(Gen.ULong[1, 64], Gen.Long[0, 100], Gen.ULong.Array[0, 40]).Array[0, 70]
        from rates in Gen.Select(Gen.ULong[1, 80], Gen.ULong[1, 4], Gen.ULong[0, 9]).Array[0, 70]
        from features in Gen.Select(Gen.ULong[1, 256], Gen.Long[0, 50], Gen.ULong.Array[0, 140]).Array[0, 300]
        from classes in Gen.Select(Gen.Int[1, 8], Gen.ULong.Array[0, 40], Gen.Long[0, 9], Gen.Bool).Array[0, 8]
        select Make(behaviours, versions, rates, features, classes);

    static BehaviourEvidence Behaviour(int kind, (int A, int B, int C) n, ulong[] units, (bool Learned, bool Quarantined, bool Secret) flags, string actor)
    {
        var (a, b) = (BaselinePropertyTests.Letters(n.A), BaselinePropertyTests.Letters(n.B));
        var (behaviourClass, text) = kind switch
        {
            0 => (BehaviourClass.FileWrite, $"/srv/{(n.C == 0 ? $"{b}/" : "")}{a}"),
            1 => (BehaviourClass.Exec, $"/usr/bin/git {b} {a}"),
            2 => (BehaviourClass.NetOut, $"tcp private 10.0.{n.C}.{n.A}:{5000 + n.B}"),
            _ => (BehaviourClass.FileWrite, n.C == 0 ? "/srv/*w" : $"/etc/{a}"),
        };
        LevelKeys levels = default;
        for (var level = 0; level < LevelKeys.Count; level++)
            levels[level] = KeyHash.Of((ulong)level, System.Text.Encoding.UTF8.GetBytes(text));
        var made = new BehaviourEvidence
        {
            Class = behaviourClass,
            Key = BehaviourLevels.Key(behaviourClass, KeyHash.Of(actor), System.Text.Encoding.UTF8.GetBytes(text), flags.Secret),
            Actor = actor,
            Object = text,
            Learned = flags.Learned,
            Quarantined = flags.Quarantined,
            Secret = flags.Secret,
            FirstSeenUnixNs = 5 + n.B,
            LastSeenUnixNs = 50 + n.C,
            Mark = Marks.Of(behaviourClass).Marks[0].Name,
        };
        made.Units.AddRange(units.Select(u => KeyHash.Mix(u, 0)).Distinct().Order());
        made.LevelKeys.AddAll(levels);
        return made;
    }

    static Evidence Make(BehaviourEvidence[] behaviours, (ulong Key, long First, ulong[] Units)[] versions, (ulong Source, ulong Version, ulong Grey)[] rates,
        (ulong Container, long Last, ulong[] Features)[] features, (int Class, ulong[] Units, long First, bool Runs)[] classes)
    {
        var made = new Evidence { Workload = Nginx, Format = EvidenceFormat.Current };
        made.Behaviours.AddRange(behaviours.DistinctBy(b => b.Key));
        foreach (var (key, first, units) in versions.DistinctBy(v => v.Key).Take(WorkloadUnits.MostVersions))
            made.Versions.Add(new VersionEvidence { Key = key, Version = $"v{key}", FirstSeenUnixNs = first, Units = { units.Distinct().Order().Take(BottomK.VersionUnits) } });
        foreach (var (source, version, grey) in rates.DistinctBy(r => r.Source).Take(RateLedger.MostSources))
            made.Rates.Add(new RateEvidence { Source = source, Version = version, Classes = { new ClassRates { Class = BehaviourClass.Exec, Grey = grey } } });
        foreach (var (container, last, units) in features.DistinctBy(f => f.Container).Take(EvidenceMerge.MostFeatures))
            made.Features.Add(new ContainerFeatures { Container = container, LastSeenUnixNs = last, Features = { units.Distinct().Order().Take(BottomK.Features) } });
        foreach (var (c, units, first, runs) in classes.DistinctBy(c => c.Class))
            made.Classes.Add(new ClassEvidence { Class = (BehaviourClass)c, Units = { units.Distinct().Order() }, StartUnits = { units.Distinct().Order() }, FirstCompleteUnixNs = first, Runs = runs });
        return made;
    }

    [Fact]
    public void Merging_is_commutative_associative_and_idempotent_with_folds_and_every_ledger() =>
        Gen.Select(SomeEvidence, SomeEvidence, SomeEvidence).Sample((a, b, c) =>
        {
            Assert.Null(EvidenceMerge.Refuse(a));
            var ab = EvidenceMerge.Merge(a, b);
            Same(ab, EvidenceMerge.Merge(b, a));
            Same(EvidenceMerge.Merge(ab, b), ab);
            Same(EvidenceMerge.Merge(ab, ab), ab);
            Same(EvidenceMerge.Merge(ab, c), EvidenceMerge.Merge(a, EvidenceMerge.Merge(b, c)));
            Same(EvidenceMerge.Merge(EvidenceMerge.Merge(c, a), b), EvidenceMerge.Merge(ab, c));
            Assert.Null(EvidenceMerge.Refuse(ab));
        }, iter: 120);

    /// <summary>Evidence with any of its bytes changed is refused with a reason, or everything can be done with it.</summary>
    [Fact]
    public void Damaged_evidence_is_refused_or_harmless() => Gen.Select(SomeEvidence, Gen.Select(Gen.Int[0, 1 << 20], Gen.Byte).Array[1, 20]).Sample((evidence, changes) =>
    {
        var bytes = evidence.ToByteArray();
        foreach (var (at, value) in changes)
            bytes[at % bytes.Length] = value;
        Evidence damaged;
        try
        {
            damaged = Evidence.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return;
        }
        if (EvidenceMerge.Refuse(damaged) is { } refusal)
        {
            Assert.NotEmpty(refusal);
            return;
        }
        var merged = EvidenceMerge.Merge(damaged, damaged);
        Same(EvidenceMerge.Merge(merged, merged), merged);
        LearningProgress.Of(merged, new Policy(), 1);
        ClassKeeper.Keep(new Policy(), merged, 1);
        EvidenceMerge.Withhold(merged, damaged, out _);
        var baseline = new Baseline(new WorkloadKey(merged.Workload.Namespace, merged.Workload.Image));
        baseline.Apply(new Model { Evidence = merged, Policy = new Policy { Generation = merged.Generation, Version = 1 } });
        Assert.Null(EvidenceMerge.Refuse(baseline.Snapshot().Evidence));
    }, iter: 300);

    static void Same(Evidence a, Evidence b)
    {
        if (!a.ToByteArray().AsSpan().SequenceEqual(b.ToByteArray()))
            Assert.Equal(string.Join('\n', a.Behaviours.Select(x => x.ToString())) + a.Versions + a.Rates + a.Features + a.Classes,
                string.Join('\n', b.Behaviours.Select(x => x.ToString())) + b.Versions + b.Rates + b.Features + b.Classes);
    }
}
