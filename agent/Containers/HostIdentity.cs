using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent.Containers;

/// <summary>Identities that need no runtime: services and cgroups of the host itself.</summary>
static class HostIdentity
{
    public const string Namespace = "host";

    /// <summary>
    /// A unit is <c>(host, unit:NAME)</c>, all instances of a template being one workload; sessions and services of login
    /// users are <c>(host, user)</c>; every other cgroup is <c>(host, cgroup:PATH)</c>, by its outermost naming part.
    /// </summary>
    public static Container Of(CgroupName name, long nowUnixNs) => new()
    {
        Id = RuntimeText.Clean(IdOf(name), RuntimeText.MaxName),
        Name = RuntimeText.Clean(name.Scope, RuntimeText.MaxName),
        Runtime = name.Kind == CgroupKind.Unit ? "systemd" : "",
        StartedUnixNs = nowUnixNs,
        Workload = new()
        {
            Namespace = Namespace,
            Image = name.Kind switch
            {
                CgroupKind.Unit => $"unit:{RuntimeText.Clean(name.Id, RuntimeText.MaxName)}",
                CgroupKind.User => "user",
                _ => $"cgroup:{RuntimeText.Clean(name.Prefix, RuntimeText.MaxImage)}",
            },
        },
    };

    /// <summary>What tells this run or instance from others of its unit: the cgroup's own name.</summary>
    static string IdOf(CgroupName name) => name.Kind switch
    {
        CgroupKind.Unit => name.Prefix[(name.Prefix.LastIndexOf('/') + 1)..],
        _ => name.Id.Length > 0 ? name.Id : name.Prefix,
    };
}
