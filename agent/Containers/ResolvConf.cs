using System.Net;
using System.Text;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// The nameservers of a resolv.conf as the runtime wrote it. A runtime mounts the file into the container, mostly writable,
/// so it is believed only while its inode has not changed since before anything ran: its change time, which nobody can set
/// back, against the time at which runc had made the container. Without that time no file is believed.
/// </summary>
/// <param name="changedUnixNs">Change time of a file by path; null when it cannot be told. Any thread.</param>
sealed class ResolvConf(Func<string, long?> changedUnixNs)
{
    /// <summary>As many as C libraries ask.</summary>
    public const int MostNameservers = 3;

    const int MostBytes = 64 * 1024;

    /// <summary>
    /// The kernel stamps files with the time of its last tick, 10 ms at most before the write: what was written just after
    /// the container was made may look as if it were before. A runtime writes the file longer before: it is to be mounted.
    /// </summary>
    const long TickNs = 10_000_000;

    /// <summary>Empty when the file is gone, too large, or may have been changed since something ran.</summary>
    /// <param name="path">On the host.</param>
    /// <param name="madeUnixNs">When runc had made the container, or the sandbox whose containers share the file; 0: not known.</param>
    public IReadOnlyList<IPAddress> Read(string path, long madeUnixNs)
    {
        try
        {
            if (!Path.IsPathRooted(path) || !IsUnchanged(path, madeUnixNs))
                return [];
            using var file = File.OpenRead(path);
            if (file.Length > MostBytes)
                return [];
            var bytes = new byte[MostBytes];
            var text = Encoding.UTF8.GetString(bytes, 0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
            // Looked at again, and at what was opened: what was written while it was read, or put in its place, is not the runtime's.
            return IsUnchanged($"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}", madeUnixNs) ? Parse(text) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return [];
        }
    }

    /// <summary>The first nameservers; lines that are none are passed over.</summary>
    public static IReadOnlyList<IPAddress> Parse(ReadOnlySpan<char> text)
    {
        var found = new List<IPAddress>();
        foreach (var line in text.EnumerateLines())
        {
            var rest = line.TrimStart();
            if (!rest.StartsWith("nameserver") || rest.Length == "nameserver".Length || !char.IsWhiteSpace(rest["nameserver".Length]))
                continue;
            rest = rest["nameserver".Length..].Trim();
            if (rest.IndexOfAny(" \t#;") is >= 0 and var end)
                rest = rest[..end];
            if (found.Count < MostNameservers && AddressText.TryParse(rest, out var address))
                found.Add(address);
        }
        return found;
    }

    bool IsUnchanged(string path, long madeUnixNs) =>
        madeUnixNs > 0 && changedUnixNs(path) is { } changed && changed < madeUnixNs - TickNs;
}

/// <summary>Addresses in texts of runtimes.</summary>
static class AddressText
{
    const int Longest = 64;

    /// <summary>Dotted or colon form only; "1" and "0x7f.1" are addresses to a C library and mistakes here. A zone is left out.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out IPAddress address)
    {
        address = IPAddress.None;
        if (text.IndexOf('%') is >= 0 and var zone)
            text = text[..zone];
        if (text.Length > Longest || text.IndexOfAny('.', ':') < 0 || !IPAddress.TryParse(text, out var parsed))
            return false;
        address = parsed;
        return true;
    }
}
