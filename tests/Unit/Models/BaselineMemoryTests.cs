using RuntimeGuard.Models;
using static RuntimeGuard.Tests.Unit.Models.BaselinePropertyTests;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Measures the memory of the whole process, so nothing may run beside it.</summary>
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
                workload.Write($"/srv/{Letters(i)}/{Letters(i * 7)}/{Letters(i * 13)}.{Letters(i % 700)}");
            for (var i = 0; i < 5_000; i++)
                workload.Exec($"/opt/{Letters(i)}", Letters(i), Letters(i * 3));
            return workload.Baseline;
        }

        Fill();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var full = Fill();
        var taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(Baseline.BehaviourLimit, full.Behaviours, 256.0);
        GC.KeepAlive(full);
        Assert.InRange(taken, 1, 8 << 20);
    }
}
