using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>Ten characters without look-alikes (50 random bits): short enough to say, found by any unique prefix.</summary>
static class AlertId
{
    public const int Length = 10;
    const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    /// <summary>One that no alert has.</summary>
    public static async Task<string> NewAsync(StateContext context, CancellationToken cancellation)
    {
        while (true)
        {
            var id = RandomNumberGenerator.GetString(Alphabet, Length);
            if (!await context.Alerts.AnyAsync(row => row.Id == id, cancellation))
            {
                return id;
            }
        }
    }
}
