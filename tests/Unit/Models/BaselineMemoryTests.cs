using RuntimeGuard.Models;

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
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var full = Fill();
        var taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(Baseline.BehaviourLimit, full.Behaviours, 256.0);
        GC.KeepAlive(full);
        Assert.InRange(taken, 1, 8 << 20); // the benchmark prints the exact number
    }
}
