using System.Security.Cryptography;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>Ten characters without look-alikes (50 random bits): short enough to say, found by any unique prefix.</summary>
static class AlertId
{
    public const int Length = 10;
    const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    public static string New() => RandomNumberGenerator.GetString(Alphabet, Length);
}
