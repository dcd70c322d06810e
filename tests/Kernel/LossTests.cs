using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class LossTests(KernelSensor kernel)
{
    [Fact]
    public async Task Of_a_flood_what_was_received_and_what_was_counted_lost_is_what_was_done()
    {
        const int Performed = 60_000;
        using var cgroup = kernel.Watch();
        ulong before = Lost(cgroup.Slot, "file-read");
        var seen = await cgroup.RunPython(
            $"import os\nfor i in range({Performed}): os.close(os.open('/dev/null', os.O_RDONLY))");
        int received = seen.Events.Count(e => e.Kind == EventKinds.Open && e.Path == "/dev/null");
        ulong lost = Lost(cgroup.Slot, "file-read") - before;
        Assert.NotEqual(0ul, lost);
        Assert.Equal(Performed, received + (int)lost);
    }

    ulong Lost(uint slot, string name)
    {
        var counters = new LossCounter[4096];
        int count = kernel.Sensor.ReadLosses(counters);
        return counters.Take(count).Where(c => c.Slot == slot && c.Class == name).Aggregate(0ul, (n, c) => n + c.Count);
    }
}
