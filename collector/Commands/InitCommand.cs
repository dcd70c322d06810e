using System.CommandLine;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Collector.Trust;

namespace RuntimeGuard.Collector.Commands;

/// <summary>`init`: certificates, state store and the first administrator. Repeating it changes only what is missing.</summary>
static class InitCommand
{
    const string Admin = "admin";

    public static Command Build()
    {
        var dataDir = CommandLine.DataDir();
        var hosts = new Option<string[]>("--host")
        {
            Description = "a DNS name or IP address by which agents and people reach this collector; may be repeated",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("init", "make certificates, the state store and the admin user") { dataDir, hosts };
        command.SetAction((result, cancellation) =>
            RunAsync(new DataDirectory(result.GetRequiredValue(dataDir)), result.GetValue(hosts) ?? [], Console.Out, cancellation));
        return command;
    }

    public static async Task<int> RunAsync(DataDirectory data, string[] hosts, TextWriter output, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        data.Create();
        using var authority = CertificateAuthority.LoadOrCreate(data, time.GetUtcNow());
        if (ServerCertificate.Ensure(data, authority, hosts, time.GetUtcNow()))
        {
            await output.WriteLineAsync($"server certificate: {data.ServerCertificate} (restart a running collector to present it)");
        }
        using var state = await StateStore.OpenAsync(data, cancellation);
        var password = await CreateAdminAsync(state, time, cancellation);
        await output.WriteLineAsync($"certificate authority: {data.CaCertificate}");
        await output.WriteLineAsync(password is null
            ? "admin user: there already"
            : $"admin user: {Admin}\nadmin password (shown once): {password}");
        return 0;
    }

    static Task<string?> CreateAdminAsync(StateStore state, TimeProvider time, CancellationToken cancellation) =>
        state.WriteAsync(async context =>
        {
            if (await context.Users.AnyAsync(cancellation))
            {
                return null;
            }
            var password = Secrets.New()[..24];
            var now = time.UnixNs();
            context.Users.Add(new UserRow
            {
                Name = Admin,
                PasswordHash = Passwords.Hash(Admin, password),
                Role = Role.Admin.Name(),
                CreatedUnixNs = now,
            });
            context.Audit.Add(AuditTrail.Row(now, AuditTrail.LocalUser, "user.create", Admin, "role admin"));
            return password;
        }, cancellation);
}
