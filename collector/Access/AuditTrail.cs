using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Access;

/// <summary>Rows of the audit trail: added in the transaction of the change they tell of.</summary>
static class AuditTrail
{
    /// <summary>The user of changes that the collector makes by itself.</summary>
    public const string Collector = "collector";

    /// <summary>The user of changes made on the collector's host by its command line.</summary>
    public static string LocalUser => $"local:{Environment.UserName}";

    public static AuditRow Row(long nowUnixNs, string user, string action, string subject, string detail) => new()
    {
        TimeUnixNs = nowUnixNs,
        User = user,
        Action = action,
        Subject = subject,
        Detail = detail,
    };
}
