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

    /// <summary>getpid by int 0x80 from a 64-bit program; a kernel without 32-bit calls ends it with SIGSEGV instead.</summary>
    [Fact]
    public async Task A_32_bit_call_is_counted_as_not_seen()
    {
        const int Segv = 11;
        using var cgroup = kernel.Watch();
        ulong before = Lost(cgroup.Slot, "process");
        var seen = await cgroup.RunPython(
            "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7); m.write(bytes.fromhex('b814000000cd80c3'))\n" +
            "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()");
        bool refused = (seen.One(EventKinds.Exit).ExitCode & 0x7f) == Segv;
        Assert.Equal(refused ? 0ul : 1, Lost(cgroup.Slot, "process") - before);
    }

    ulong Lost(uint slot, string name)
    {
        var counters = new LossCounter[4096];
        int count = kernel.Sensor.ReadLosses(counters);
        return counters.Take(count).Where(c => c.Slot == slot && c.Class == name).Aggregate(0ul, (n, c) => n + c.Count);
    }
}
