using System.Net;
using System.Text;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// The nameservers of a resolv.conf as the runtime wrote it. A runtime mounts the file into the container, mostly writable,
/// so it is believed only while its inode has not changed since the container was made: its change time, which nobody can set
/// back.
/// </summary>
/// <param name="changedUnixNs">Change time of a file by path; null when it cannot be told. Any thread.</param>
sealed class ResolvConf(Func<string, long?> changedUnixNs)
{
    /// <summary>As many as C libraries ask.</summary>
    public const int MostNameservers = 3;

    const int MostBytes = 64 * 1024;

    /// <summary>A runtime writes the file just after it noted the container, and before anything runs in it.</summary>
    const long WrittenWithinNs = 1_000_000_000;

    /// <summary>Empty when the file is gone, too large, or was changed since the container was made.</summary>
    /// <param name="path">On the host.</param>
    /// <param name="madeUnixNs">When the container, or its pod, was made.</param>
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
            // Looked at again: what was written while it was read is not the runtime's.
            return IsUnchanged(path, madeUnixNs) ? Parse(text) : [];
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
        changedUnixNs(path) is { } changed && madeUnixNs > 0 && changed <= madeUnixNs + WrittenWithinNs;
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
