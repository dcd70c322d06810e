using System.Globalization;

namespace RuntimeGuard.Agent;

static class ProcfsMemory
{
    /// <summary>Anonymous resident memory of this process: what it really holds, without the rings, which are mapped files.</summary>
    public static ulong RssAnonBytes()
    {
        foreach (var line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith("RssAnon:", StringComparison.Ordinal))
                return ulong.Parse(line.AsSpan(8, line.Length - 10).Trim(), CultureInfo.InvariantCulture) * 1024;
        return 0;
    }
}
