using System.Globalization;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>
/// Which processes hold a listening TCP or unix socket, from procfs: a server that was there before the agent is one all the
/// same. Sockets of a network namespace are read once; made anew for every snapshot.
/// </summary>
sealed class ProcfsListeners
{
    const string Socket = "socket:[";
    readonly Dictionary<string, HashSet<string>> _byNamespace = [];

    /// <exception cref="IOException">The process has ended.</exception>
    public bool Serves(int pid)
    {
        var listening = ListeningIn(pid);
        return listening.Count > 0 && Directory.EnumerateFiles($"/proc/{pid}/fd")
            .Any(fd => new FileInfo(fd).LinkTarget is { } target && target.StartsWith(Socket, StringComparison.Ordinal)
                && listening.Contains(target[Socket.Length..^1]));
    }

    /// <summary>Inodes of the listening sockets of a process's network namespace.</summary>
    HashSet<string> ListeningIn(int pid)
    {
        var name = new FileInfo($"/proc/{pid}/ns/net").LinkTarget ?? "";
        if (_byNamespace.TryGetValue(name, out var known))
            return known;
        const int tcpState = 3, tcpInode = 9, unixFlags = 3, unixInode = 6;
        const uint acceptsConnections = 0x10000;
        var inodes = new HashSet<string>();
        foreach (var file in new[] { "tcp", "tcp6" })
            foreach (var fields in Lines(pid, file))
                if (fields.Length > tcpInode && fields[tcpState] == "0A")
                    inodes.Add(fields[tcpInode]);
        foreach (var fields in Lines(pid, "unix"))
            if (fields.Length > unixInode && uint.TryParse(fields[unixFlags], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out uint flags)
                && (flags & acceptsConnections) != 0)
                inodes.Add(fields[unixInode]);
        _byNamespace.Add(name, inodes);
        return inodes;
    }

    static IEnumerable<string[]> Lines(int pid, string file)
    {
        var path = $"/proc/{pid}/net/{file}";
        return File.Exists(path)
            ? File.ReadLines(path).Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            : [];
    }
}
