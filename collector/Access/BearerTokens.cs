using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Access;

/// <summary>Tokens given out by logins and `metrics-token create`. Thread-safe.</summary>
sealed class BearerTokens(StateStore state, TimeProvider time)
{
    public static readonly TimeSpan LoginLifetime = TimeSpan.FromHours(12);
    public static readonly TimeSpan MetricsLifetime = TimeSpan.FromDays(365);
    const string Prefix = "rgt_";
    /// <summary>A user's oldest tokens give way beyond this: a login loop cannot fill the table.</summary>
    const int MaxPerUser = 100;

    public async Task<(string Token, long ExpiresUnixNs)> IssueAsync(
        string user, Role role, TimeSpan lifetime, CancellationToken cancellation)
    {
        var token = Prefix + Secrets.New();
        var now = time.UnixNs();
        var expires = now + lifetime.ToNs();
        await state.WriteAsync(async context =>
        {
            await context.BearerTokens.Where(row => row.ExpiresUnixNs <= now).ExecuteDeleteAsync(cancellation);
            var surplus = await context.BearerTokens.Where(row => row.User == user)
                .OrderByDescending(row => row.CreatedUnixNs).Skip(MaxPerUser - 1).ToListAsync(cancellation);
            context.BearerTokens.RemoveRange(surplus);
            context.BearerTokens.Add(new BearerTokenRow
            {
                Hash = Secrets.HashHex(token),
                User = user,
                Role = role.Name(),
                CreatedUnixNs = now,
                ExpiresUnixNs = expires,
            });
            context.Audit.Add(AuditTrail.Row(now, user, "token.issue", user, $"role {role.Name()}, valid {lifetime}"));
        }, cancellation);
        return (token, expires);
    }

    /// <summary>The token's owner, or null when the token is unknown or has expired.</summary>
    public async Task<Caller?> FindAsync(string token, CancellationToken cancellation)
    {
        if (!token.StartsWith(Prefix, StringComparison.Ordinal) || token.Length > 128)
        {
            return null;
        }
        var hash = Secrets.HashHex(token);
        var now = time.UnixNs();
        var row = await state.ReadAsync(
            context => context.BearerTokens.FirstOrDefaultAsync(row => row.Hash == hash && row.ExpiresUnixNs > now, cancellation),
            cancellation);
        return row is null ? null : new Caller(row.User, Roles.Parse(row.Role), row.ExpiresUnixNs, row.Hash);
    }

    public Task ForgetAsync(Caller caller, CancellationToken cancellation) =>
        state.WriteAsync(async context =>
        {
            await context.BearerTokens.Where(row => row.Hash == caller.TokenHash).ExecuteDeleteAsync(cancellation);
            context.Audit.Add(AuditTrail.Row(time.UnixNs(), caller.User, "token.forget", caller.User, "logout"));
        }, cancellation);
}
