using System.Buffers;

namespace RuntimeGuard.Agent.Containers;

/// <summary>What a cgroup's path alone says about who lives in it.</summary>
enum CgroupKind
{
    /// <summary>A directory that only holds others (the root, slices, pod parents): nobody's workload, ignored.</summary>
    Parent,
    /// <summary>Named the way a container manager names its containers: a runtime is asked for <see cref="CgroupName.Id"/>.</summary>
    Container,
    /// <summary>May be a container of plain containerd (/namespace/id) or runc (/id), or any cgroup of the host.</summary>
    Candidate,
    /// <summary>A systemd service or scope of the host.</summary>
    Unit,
    /// <summary>A login session or user service of the host.</summary>
    User,
    /// <summary>Anything else.</summary>
    Host,
}

/// <summary>A parsed cgroup path.</summary>
/// <param name="Kind">What the path looks like; only a runtime's answer makes it certain.</param>
/// <param name="Id">
/// Container id; for a unit the service's name with the instance removed ("getty@.service"); for a user "user".
/// </param>
/// <param name="Scope">
/// The manager's namespace when the path tells it ("k8s.io", "moby", "default", "libpod"), the instance of an instance
/// unit, or empty.
/// </param>
/// <param name="Prefix">
/// The path up to and including the segment that named it: equal for a container's cgroup and every cgroup nested below.
/// </param>
readonly record struct CgroupName(CgroupKind Kind, string Id, string Scope, string Prefix);

/// <summary>
/// Pure parser of cgroup paths, v1 and v2, of the systemd and the cgroupfs driver. The outermost container wins: what a
/// container names the cgroups it makes below its own cannot change whose they are.
/// </summary>
static class CgroupPath
{
    /// <summary>Longest path looked at, in characters; a longer one is <see cref="CgroupKind.Host"/> by its first part.</summary>
    public const int MaxLength = 4096;

    const int HashLength = 64;

    static readonly SearchValues<char> IdCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    /// <summary>Scope name prefix of the systemd driver, and the namespace its containers live in.</summary>
    static readonly (string Prefix, string Scope)[] ScopePrefixes =
    [
        ("cri-containerd-", "k8s.io"), ("crio-", "k8s.io"), ("docker-", "moby"), ("libpod-", "libpod"),
        ("nerdctl-", "default"), ("containerd-", "default"), ("runc-", ""),
    ];

    /// <summary>Parses a path relative to the cgroup root, with or without its leading slash. Never throws.</summary>
    public static CgroupName Parse(ReadOnlySpan<char> path)
    {
        path = path.Length > MaxLength ? path[..MaxLength] : path;
        path = path.TrimEnd('/');
        if (path.IsEmpty)
            return new(CgroupKind.Parent, "", "", "/");

        var user = path.StartsWith("/user.slice/") || path.StartsWith("user.slice/");
        CgroupName? unit = null;
        var pod = false;
        var count = 0;
        foreach (var range in path.Split('/'))
        {
            var segment = path[range];
            if (segment.IsEmpty)
                continue;
            count++;
            var prefix = path[..range.End.GetOffset(path.Length)];
            if (TryContainer(segment, path[..range.Start.GetOffset(path.Length)], user, out var id, out var scope))
                return new(CgroupKind.Container, id, scope, Absolute(prefix));
            pod |= IsPodParent(segment);
            if (unit is null && !user && (segment.EndsWith(".service") || segment.EndsWith(".scope")))
                unit = Unit(segment, prefix);
        }
        return unit ?? WithoutUnit(path, user, pod, count);
    }

    /// <summary>Whether a runtime may name a container so: safe as one component of a file system path.</summary>
    public static bool IsContainerId(ReadOnlySpan<char> id) =>
        id.Length is > 0 and <= 128 && char.IsAsciiLetterOrDigit(id[0]) && !id.ContainsAnyExcept(IdCharacters);

    static CgroupName WithoutUnit(ReadOnlySpan<char> path, bool user, bool pod, int count)
    {
        if (user)
            return new(CgroupKind.User, "user", "", "/user.slice");
        if (pod || path.EndsWith(".slice"))
            return new(CgroupKind.Parent, "", "", Absolute(path));
        var trimmed = path.TrimStart('/');
        var slash = trimmed.IndexOf('/');
        if (count == 1 && IsContainerId(trimmed))
            return new(CgroupKind.Candidate, trimmed.ToString(), "", Absolute(path));
        if (count == 2 && IsContainerId(trimmed[..slash]) && IsContainerId(trimmed[(slash + 1)..]))
            return new(CgroupKind.Candidate, trimmed[(slash + 1)..].ToString(), trimmed[..slash].ToString(), Absolute(path));
        return new(CgroupKind.Host, "", "", Absolute(path));
    }

    static bool TryContainer(
        ReadOnlySpan<char> segment, ReadOnlySpan<char> parent, bool user, out string id, out string scope)
    {
        (id, scope) = ("", "");
        var name = segment;
        if (name.EndsWith(".scope"))
            name = name[..^".scope".Length];
        // The systemd spelling handed to a cgroupfs driver: "kubepods-besteffort-podX.slice:cri-containerd:ID".
        else if (name.LastIndexOf(':') is var colon and > 0)
        {
            var manager = name[..colon];
            name = name[(colon + 1)..];
            if (!IsHash(name) || user)
                return false;
            (id, scope) = (name.ToString(), ScopeOf(manager[(manager.LastIndexOf(':') + 1)..]));
            return true;
        }

        foreach (var (prefix, ns) in ScopePrefixes)
        {
            if (!name.StartsWith(prefix))
                continue;
            var rest = name[prefix.Length..];
            // A login user owns the tree below user.slice: only rootless runtimes put containers there.
            if (user && ns is not ("libpod" or "moby"))
                return false;
            // crio-conmon-ID and libpod-conmon-ID are the monitor, a process of the host.
            var named = IsHash(rest) || (ns is "default" or "" && name.Length < segment.Length && IsContainerId(rest));
            if (named)
                (id, scope) = (rest.ToString(), ns);
            return named;
        }
        if (!IsHash(name) || user || name.Length < segment.Length)
            return false;
        id = name.ToString();
        scope = ScopeOfParent(parent);
        return true;
    }

    static string ScopeOf(ReadOnlySpan<char> manager) => manager switch
    {
        "cri-containerd" or "crio" => "k8s.io",
        "docker" => "moby",
        "libpod" => "libpod",
        _ => "",
    };

    static string ScopeOfParent(ReadOnlySpan<char> parent)
    {
        parent = parent.Trim('/');
        var last = parent[(parent.LastIndexOf('/') + 1)..];
        if (parent.StartsWith("kubepods") || IsPodParent(last))
            return "k8s.io";
        return last switch
        {
            "docker" => "moby",
            "libpod_parent" or "machine.slice" => "libpod",
            _ => parent.Length == last.Length && IsContainerId(last) ? last.ToString() : "",
        };
    }

    static CgroupName Unit(ReadOnlySpan<char> segment, ReadOnlySpan<char> prefix)
    {
        var at = segment.IndexOf('@');
        if (at < 0)
            return new(CgroupKind.Unit, UnitName(segment), "", Absolute(prefix));
        var dot = segment.LastIndexOf('.');
        return dot < at
            ? new(CgroupKind.Unit, segment.ToString(), "", Absolute(prefix))
            : new(CgroupKind.Unit, string.Concat(segment[..(at + 1)], segment[dot..]),
                segment[(at + 1)..dot].ToString(), Absolute(prefix));
    }

    /// <summary>
    /// Without what is only this run's: "run-u42.service" is "run-*.service", "crio-conmon-0123….scope" is
    /// "crio-conmon-*.scope". Else every run of them would be a workload of its own, with nothing learned.
    /// </summary>
    static string UnitName(ReadOnlySpan<char> segment)
    {
        const int shortestId = 12;
        var dot = segment.LastIndexOf('.');
        var name = segment[..dot];
        var type = segment[dot..];
        if (name.StartsWith("run-") || name.StartsWith("session-"))
            return string.Concat(name[..(name.IndexOf('-') + 1)], "*", type);
        var from = name.LastIndexOfAnyExcept(Hex) + 1;
        return name.Length - from >= shortestId ? string.Concat(name[..from], "*", type) : segment.ToString();
    }

    static bool IsPodParent(ReadOnlySpan<char> segment) =>
        segment.StartsWith("kubepods") || (segment.StartsWith("pod") && segment.Length is >= 35 and <= 39);

    static bool IsHash(ReadOnlySpan<char> text) => text.Length == HashLength && !text.ContainsAnyExcept(Hex);

    static string Absolute(ReadOnlySpan<char> path) => path[0] == '/' ? path.ToString() : $"/{path}";
}
