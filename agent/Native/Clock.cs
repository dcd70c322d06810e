using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent.Native;

/// <summary>The clock kernel events are stamped with.</summary>
static unsafe partial class Clock
{
    const int CLOCK_BOOTTIME = 7;

    /// <summary>Nanoseconds since boot, suspend included.</summary>
    public static ulong BootNs()
    {
        long* time = stackalloc long[2];
        if (clock_gettime(CLOCK_BOOTTIME, time) != 0)
            throw new NativeException("clock_gettime", Marshal.GetLastPInvokeError(), "use Linux 2.6.39 or newer");
        return ((ulong)time[0] * 1_000_000_000) + (ulong)time[1];
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clock_gettime(int clock, long* time);
}
