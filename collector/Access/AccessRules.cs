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
        ["/runtimeguard.v1.Workloads/List"] = Role.Viewer,
        ["/runtimeguard.v1.Workloads/Get"] = Role.Viewer,
        ["/runtimeguard.v1.Workloads/GetBaseline"] = Role.Viewer,
        ["/runtimeguard.v1.Workloads/Learn"] = Role.Admin,
        ["/runtimeguard.v1.Workloads/Lock"] = Role.Analyst,
        ["/runtimeguard.v1.Workloads/Unlock"] = Role.Admin,
        ["/runtimeguard.v1.History/Query"] = Role.Viewer,
        ["/runtimeguard.v1.Nodes/List"] = Role.Viewer,
        ["/runtimeguard.v1.Nodes/Get"] = Role.Viewer,
    };

    /// <summary>False when nobody may call it.</summary>
    public static bool TryGetNeeded(string path, out Role needed) => Needed.TryGetValue(path, out needed);
}
