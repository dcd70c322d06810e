using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Access;

/// <summary>Who may call what on the people's port. What is not listed here is denied to everybody.</summary>
static class AccessRules
{
    /// <summary>Path of every open or guarded route, with the role it needs; <see cref="Role.None"/> is open.</summary>
    static readonly Dictionary<string, Role> Needed = new(StringComparer.Ordinal)
    {
        ["/healthz"] = Role.None,
        ["/grpc.health.v1.Health/Check"] = Role.None,
        ["/grpc.health.v1.Health/Watch"] = Role.None,
        ["/runtimeguard.v1.Access/Login"] = Role.None,
        ["/metrics"] = Role.Metrics,
        ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] = Role.Metrics,
        ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] = Role.Metrics,
        ["/runtimeguard.v1.Access/WhoAmI"] = Role.Viewer,
        ["/runtimeguard.v1.Access/Logout"] = Role.Viewer,
        ["/runtimeguard.v1.Access/CreateJoinToken"] = Role.Admin,
        ["/runtimeguard.v1.Alerts/List"] = Role.Viewer,
        ["/runtimeguard.v1.Alerts/Watch"] = Role.Viewer,
        ["/runtimeguard.v1.Alerts/Get"] = Role.Viewer,
        ["/runtimeguard.v1.Alerts/Decide"] = Role.Analyst,
        ["/runtimeguard.v1.Workloads/List"] = Role.Viewer,
        ["/runtimeguard.v1.Workloads/Get"] = Role.Viewer,
        ["/runtimeguard.v1.Workloads/GetBaseline"] = Role.Viewer,
        ["/runtimeguard.v1.Workloads/WouldFire"] = Role.Viewer,
        ["/runtimeguard.v1.Workloads/SetOverride"] = Role.Analyst,
        ["/runtimeguard.v1.Workloads/RemoveOverride"] = Role.Analyst,
        ["/runtimeguard.v1.Workloads/Learn"] = Role.Admin,
        ["/runtimeguard.v1.Workloads/Extend"] = Role.Admin,
        ["/runtimeguard.v1.Workloads/Freeze"] = Role.Admin,
        ["/runtimeguard.v1.Workloads/Lock"] = Role.Analyst,
        ["/runtimeguard.v1.Workloads/Unlock"] = Role.Admin,
        ["/runtimeguard.v1.History/Query"] = Role.Viewer,
        ["/runtimeguard.v1.Nodes/List"] = Role.Viewer,
        ["/runtimeguard.v1.Nodes/Get"] = Role.Viewer,
    };

    /// <summary>What an analyst allows is asked for again within it.</summary>
    public static readonly TimeSpan LongestOfAnalyst = TimeSpan.FromDays(30);

    /// <summary>Why the role may neither set nor retract the override, or null.</summary>
    /// <param name="duration">For how long it is; zero: for ever.</param>
    public static string? RefuseOverride(Role role, Override one, TimeSpan duration) => (role, one) switch
    {
        ( >= Role.Admin, _) => null,
        ( < Role.Analyst, _) => Needs("to say what is normal", Role.Analyst),
        (_, { Kind: not OverrideKind.Allow }) => Needs("to deny", Role.Admin),
        (_, { WholeNamespace: true }) => Needs("to allow in a whole namespace", Role.Admin),
        (_, { Scope: OverrideScope.Class }) => Needs("to allow a whole class", Role.Admin),
        _ when duration == TimeSpan.Zero || duration > LongestOfAnalyst => Needs(
            $"to allow for longer than {LongestOfAnalyst.TotalDays:0} days", Role.Admin, $"; give a time of at most that (--for {LongestOfAnalyst.TotalDays:0}d)"),
        _ => null,
    };

    static string Needs(string what, Role role, string remedy = "") => $"{what} needs the role {role.Name()}{remedy}";

    /// <summary>False when nobody may call it.</summary>
    public static bool TryGetNeeded(string path, out Role needed) => Needed.TryGetValue(path, out needed);
}
