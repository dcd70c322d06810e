using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Measures the memory of the whole process, so no other test runs beside it.</summary>
[CollectionDefinition(nameof(BaselineMemoryTests), DisableParallelization = true)]
[Collection(nameof(BaselineMemoryTests))]
public sealed class BaselineMemoryTests
{
    [Fact]
    public void A_full_baseline_fits_its_share_of_memory()
    {
        static Baseline Fill()
        {
            var workload = new WorkloadUnderTest();
            for (var i = 0; i < 5_000; i++)
                workload.Write($"/srv/{BaselinePropertyTests.Letters(i)}/{BaselinePropertyTests.Letters(i * 7)}/{BaselinePropertyTests.Letters(i * 13)}.{BaselinePropertyTests.Letters(i % 700)}");
            for (var i = 0; i < 5_000; i++)
                workload.Exec($"/opt/{BaselinePropertyTests.Letters(i)}", BaselinePropertyTests.Letters(i), BaselinePropertyTests.Letters(i * 3));
            return workload.Baseline;
        }

        Fill();
        var before = Settled();
        var full = Fill();
        var taken = Settled() - before;
        Assert.Equal(Baseline.BehaviourLimit, full.Behaviours, 256.0);
        GC.KeepAlive(full);
        Assert.InRange(taken, 1, 4 << 20); // the benchmark prints the exact number
    }

    /// <summary>As a collector could say it, and hostile events on top: every text, sketch and ledger as long as it may be.</summary>
    [Theory]
    [InlineData(240, true)]
    [InlineData(240, false)]
    [InlineData(60, false)]
    public void A_baseline_stays_below_four_megabytes_whatever_is_thrown_at_it(int length, bool distinctActors)
    {
        Model told = new() { Evidence = Told(length, distinctActors) };
        var containers = Enumerable.Range(0, 600).Select(i => new ContainerFacts(WorkloadUnderTest.Key, $"c{i}", $"v{i}", WorkloadUnderTest.Start)).ToArray();
        var set = new BaselineSet(); // holds what baselines share
        Baseline Fill(string image)
        {
            var baseline = set.GetOrAdd(new WorkloadKey("shop", image));
            var model = told.Clone(); // whose texts are the baseline's own
            model.Evidence.Workload.Image = image;
            baseline.Apply(model);
            var workload = new WorkloadUnderTest { Baseline = baseline };
            for (var i = 0; i < 6_000; i++)
            {
                workload.Container = containers[i % containers.Length];
                workload.Now += WorkloadUnderTest.Second;
                workload.Write($"/srv/{BaselinePropertyTests.Letters(i)}/{BaselinePropertyTests.Letters(i * 7)}/{BaselinePropertyTests.Letters(i * 13)}/{new string('x', 100)}{BaselinePropertyTests.Letters(i)}");
                workload.Exec($"/opt/{BaselinePropertyTests.Letters(i)}", BaselinePropertyTests.Letters(i), BaselinePropertyTests.Letters(i * 3));
                workload.Connect($"10.{i >> 8 & 255}.{i & 255}.{i % 7}", (ushort)(2000 + i));
            }
            return baseline;
        }

        Fill("warm");
        var before = Settled();
        var full = Fill("full");
        var taken = Settled() - before;
        GC.KeepAlive(full);
        Assert.InRange(taken, 500_000, 4 << 20);
    }

    static long Settled()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    static Evidence Told(int length, bool distinctActors)
    {
        var evidence = new Evidence { Workload = new Workload { Namespace = "shop", Image = "" }, Format = EvidenceFormat.Current };
        for (var i = 0; i < Baseline.BehaviourLimit; i++)
        {
            var behaviour = new BehaviourEvidence
            {
                Class = BehaviourClass.FileWrite, Key = (ulong)(i + 1) * 0x9E37_79B9_7F4A_7C15, Learned = true, Mark = "app-file", LastSeenUnixNs = 1,
                Actor = distinctActors ? $"{new string('a', 1000)}{i}" : "/usr/sbin/nginx",
                Object = $"/etc/{BaselinePropertyTests.Letters(i)}/{new string('n', length)}"[..length],
            };
            for (var k = 1ul; k <= 16; k++)
                behaviour.Units.Add((k << 40) + (ulong)i);
            for (var k = 1ul; k <= 8; k++)
            {
                behaviour.Containers.Add((k << 40) + (ulong)i);
                behaviour.Versions.Add((k << 40) + (ulong)i);
            }
            for (var k = 0ul; k < 4; k++)
                behaviour.LevelKeys.Add(KeyHash.Mix((ulong)i, k));
            evidence.Behaviours.Add(behaviour);
        }
        for (var source = 1ul; source <= RateLedger.MostSources; source++)
        {
            var rates = new RateEvidence { Source = source, Version = 1 };
            foreach (var c in Enum.GetValues<BehaviourClass>().Where(EvidenceMerge.IsClass))
            {
                var classes = new ClassRates { Class = c };
                for (var bucket = 0u; bucket < 2 * VolumeStatistics.Buckets; bucket++)
                    classes.Volumes.Add(new VolumeBucket { Bucket = bucket, Hours = 9, Sum = source, Squares = source });
                rates.Classes.Add(classes);
            }
            evidence.Rates.Add(rates);
        }
        foreach (var c in Enum.GetValues<BehaviourClass>().Where(EvidenceMerge.IsClass))
            evidence.Classes.Add(new ClassEvidence { Class = c, Units = { Enumerable.Range(1, BottomK.ClassUnits).Select(i => (ulong)i << 40) } });
        return evidence;
    }
}
