using System.CommandLine;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Commands;

/// <summary>`user reset-password NAME`: for whoever lost it, on the collector's own host; ends every login of that user.</summary>
static class UserCommand
{
    public static Command Build()
    {
        var dataDir = CommandLine.DataDir();
        var name = new Argument<string>("NAME") { Description = "the user, e.g. admin" };
        var reset = new Command("reset-password", "give a user a new password and end every login they have") { name, dataDir };
        reset.SetAction((result, cancellation) => ResetAsync(
            new DataDirectory(result.GetRequiredValue(dataDir)), result.GetRequiredValue(name), Console.Out, cancellation));
        return new Command("user", "people who may log in") { reset };
    }

    internal static async Task<int> ResetAsync(DataDirectory data, string name, TextWriter output, CancellationToken cancellation)
    {
        data.RequireInitialised();
        using var state = await StateStore.OpenAsync(data, cancellation);
        var password = Secrets.New()[..24];
        await state.WriteAsync(async context =>
        {
            var user = await context.Users.FirstOrDefaultAsync(row => row.Name == name, cancellation) ??
                throw new CollectorException($"there is no user '{name}'; the first one is 'admin'");
            user.PasswordHash = Passwords.Hash(name, password);
            await context.BearerTokens.Where(row => row.User == name).ExecuteDeleteAsync(cancellation);
            context.Audit.Add(AuditTrail.Row(TimeProvider.System.UnixNs(), AuditTrail.LocalUser, "user.reset-password", name, ""));
        }, cancellation);
        await output.WriteLineAsync($"password of {name} (shown once): {password}");
        return 0;
    }
}
