using Microsoft.AspNetCore.Identity;

namespace RuntimeGuard.Collector.Access;

/// <summary>Slow, salted password hashes (PBKDF2, HMAC-SHA512, 210 000 rounds as OWASP advises). Thread-safe.</summary>
static class Passwords
{
    static readonly PasswordHasher<string> Hasher =
        new(Microsoft.Extensions.Options.Options.Create(new PasswordHasherOptions { IterationCount = 210_000 }));
    /// <summary>Checked when the user does not exist, so that the answer takes as long as for one who does.</summary>
    static readonly string Nobody = Hasher.HashPassword("", Secrets.New());

    public static string Hash(string user, string password) => Hasher.HashPassword(user, password);

    public static bool Verify(string user, string? hash, string password) =>
        Hasher.VerifyHashedPassword(user, hash ?? Nobody, password) != PasswordVerificationResult.Failed && hash is not null;
}
