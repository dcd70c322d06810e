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
        Id = name.Id.Length > 0 ? RuntimeText.Clean(name.Id, RuntimeText.MaxName) : RuntimeText.Clean(name.Prefix, RuntimeText.MaxName),
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
                _ => $"cgroup:{RuntimeText.Clean(name.Prefix, RuntimeText.MaxPath)}",
            },
        },
    };
}
