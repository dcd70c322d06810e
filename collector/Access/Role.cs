namespace RuntimeGuard.Collector.Access;

/// <summary>
/// What a caller may do. A person's role includes those before it; <see cref="Metrics"/> is for scrapers and opens
/// metrics and reflection alone.
/// </summary>
enum Role
{
    None,
    Metrics,
    Viewer,
    Analyst,
    Admin,
}

static class Roles
{
    public static string Name(this Role role) => role switch
    {
        Role.Metrics => "metrics",
        Role.Viewer => "viewer",
        Role.Analyst => "analyst",
        Role.Admin => "admin",
        _ => "none",
    };

    /// <summary>An unknown name is no role at all.</summary>
    public static Role Parse(string name) => name switch
    {
        "metrics" => Role.Metrics,
        "viewer" => Role.Viewer,
        "analyst" => Role.Analyst,
        "admin" => Role.Admin,
        _ => Role.None,
    };
}
