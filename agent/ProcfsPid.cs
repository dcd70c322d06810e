using System.Globalization;

namespace RuntimeGuard.Agent;

/// <summary>Compares a pid as a container sees it with one as the host does. Asked only for paths below /proc/PID.</summary>
static class ProcfsPid
{
    /// <summary>True when the host's process has that pid in one of its pid namespaces; false when it is gone.</summary>
    public static bool IsSelf(uint hostPid, uint asSeen)
    {
        if (hostPid == asSeen)
            return true;
        try
        {
            foreach (var line in File.ReadLines($"/proc/{hostPid}/status"))
            {
                if (line.StartsWith("NSpid:", StringComparison.Ordinal))
                    return line.AsSpan(6).ToString().Split('\t', StringSplitOptions.RemoveEmptyEntries)
                        .Any(n => uint.TryParse(n, CultureInfo.InvariantCulture, out var pid) && pid == asSeen);
            }
        }
        catch (IOException)
        {
            // Exited meanwhile: who it was cannot be told any more, so it counts as another.
        }
        return false;
    }
}
