using System.Buffers.Binary;
using System.Text;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent;

/// <summary>
/// The kernel stamps events with CLOCK_BOOTTIME; people read wall-clock time. Event times follow the wall clock as it is
/// adjusted; process start times, which are identity, use the offset of the first start in this boot, so that a process
/// keeps its name over restarts of the agent. Loop thread only.
/// </summary>
sealed class BootClock
{
    readonly long _startOffsetNs;
    long _offsetNs;

    BootClock(long startOffsetNs, long offsetNs) => (_startOffsetNs, _offsetNs) = (startOffsetNs, offsetNs);

    /// <summary>Now, CLOCK_BOOTTIME.</summary>
    public static ulong BootNs => Clock.BootNs();

    /// <summary>Tells this boot, in which times of CLOCK_BOOTTIME can be compared, from every other.</summary>
    public static string BootId => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>Reads or writes the file that keeps this boot's first offset.</summary>
    public static BootClock Start(string path)
    {
        var boot = Encoding.ASCII.GetBytes(BootId);
        var offset = Offset();
        if (File.Exists(path) && File.ReadAllBytes(path) is var kept && kept.Length == boot.Length + 8
            && kept.AsSpan(8).SequenceEqual(boot))
            return new BootClock(BinaryPrimitives.ReadInt64LittleEndian(kept), offset);
        var content = new byte[8 + boot.Length];
        BinaryPrimitives.WriteInt64LittleEndian(content, offset);
        boot.CopyTo(content, 8);
        DurableFile.Write(path, content);
        return new BootClock(offset, offset);
    }

    public long ToUnixNs(ulong bootNs) => (long)bootNs + _offsetNs;

    /// <summary>A process's start as its lasting name.</summary>
    public long StartToUnixNs(ulong startNs) => startNs == 0 ? 0 : (long)startNs + _startOffsetNs;

    /// <summary>Follows the wall clock. Called every second.</summary>
    public void Adjust() => _offsetNs = Offset();

    static long Offset() => TimeProvider.System.GetUtcNow().ToUnixNs() - (long)Clock.BootNs();
}
