using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Collector.Trust;

namespace RuntimeGuard.Collector.Access;

/// <summary>Tokens `id.secret.sha256(CA key)` that let new nodes in. The secret is kept as a hash only. Thread-safe.</summary>
sealed class JoinTokens(StateStore state, CertificateAuthority authority, TimeProvider time)
{
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromHours(1);
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(7);
    public const int MaxUses = 10_000;
    const int MaxTokens = 1000;

    /// <exception cref="ArgumentException">A bound is exceeded; the message says which.</exception>
    public async Task<(string Token, long ExpiresUnixNs)> CreateAsync(
        string node, TimeSpan lifetime, int uses, string user, CancellationToken cancellation)
    {
        if (node.Length > 0 && !NodeName.IsValid(node))
        {
            throw new ArgumentException($"node: {NodeName.Rule}");
        }
        if (lifetime <= TimeSpan.Zero || lifetime > MaxLifetime)
        {
            throw new ArgumentException($"lifetime must be more than 0 and at most {MaxLifetime.TotalDays:0} days");
        }
        if (uses is < 1 or > MaxUses)
        {
            throw new ArgumentException($"uses must be 1 to {MaxUses}");
        }
        var id = Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(6));
        var secret = Secrets.New();
        var now = time.UnixNs();
        var expires = now + lifetime.ToNs();
        await state.WriteAsync(async context =>
        {
            await context.JoinTokens.Where(row => row.ExpiresUnixNs <= now).ExecuteDeleteAsync(cancellation);
            if (await context.JoinTokens.CountAsync(cancellation) >= MaxTokens)
            {
                throw new ArgumentException($"{MaxTokens} join tokens are valid already; wait until some expire");
            }
            context.JoinTokens.Add(new JoinTokenRow
            {
                Id = id,
                SecretHash = Secrets.Hash(secret),
                Node = node,
                UsesLeft = uses,
                CreatedUnixNs = now,
                ExpiresUnixNs = expires,
                CreatedBy = user,
            });
            context.Audit.Add(AuditTrail.Row(now, user, "join-token.create", id,
                $"node '{node}', uses {uses}, valid {lifetime}"));
        }, cancellation);
        return ($"{id}.{secret}.{authority.KeyHash}", expires);
    }

    /// <summary>Why the token does not enrol this node now, or null when it does: one use is then taken, in the caller's transaction.</summary>
    public async Task<string?> TakeAsync(
        StateContext context, string id, string secret, string node, CancellationToken cancellation)
    {
        const string Remedy = "make a new one: runtimeguard-collector token create";
        var row = await context.JoinTokens.FirstOrDefaultAsync(row => row.Id == id, cancellation);
        // An unknown id and a wrong secret look and last alike.
        if (!Secrets.Matches(secret, row?.SecretHash ?? new byte[32]) || row is null)
        {
            return $"the join token is not known; {Remedy}";
        }
        if (row.ExpiresUnixNs <= time.UnixNs())
        {
            return $"the join token has expired; {Remedy}";
        }
        if (row.UsesLeft < 1)
        {
            return $"the join token has been used up; {Remedy}";
        }
        if (row.Node.Length > 0 && row.Node != node)
        {
            return $"the join token is for node '{row.Node}'; {Remedy}";
        }
        row.UsesLeft--;
        return null;
    }
}
