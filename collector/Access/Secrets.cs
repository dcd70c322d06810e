using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace RuntimeGuard.Collector.Access;

/// <summary>Random secrets and the hashes that are kept of them. 256 random bits need no salt and no slow hash.</summary>
static class Secrets
{
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    public static string HashHex(string secret) => Convert.ToHexStringLower(Hash(secret));

    /// <summary>Takes the same time wherever the two differ.</summary>
    public static bool Matches(string secret, byte[] hash) => CryptographicOperations.FixedTimeEquals(Hash(secret), hash);
}
