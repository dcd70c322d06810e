using System.CommandLine;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Commands;

/// <summary>`node revoke NAME`: shuts a node out; a running collector closes its stream within seconds.</summary>
static class NodeCommand
{
    public static Command Build()
    {
        var dataDir = CommandLine.DataDir();
        var name = new Argument<string>("NAME") { Description = "the node, as rgctl nodes list shows it" };
        var revoke = new Command("revoke", "make every certificate of a node worthless; it may enrol again with a new token") { name, dataDir };
        revoke.SetAction((result, cancellation) =>
            RevokeAsync(new DataDirectory(result.GetRequiredValue(dataDir)), result.GetRequiredValue(name), cancellation));
        return new Command("node", "enrolled nodes") { revoke };
    }

    internal static async Task<int> RevokeAsync(DataDirectory data, string name, CancellationToken cancellation)
    {
        data.RequireInitialised();
        using var state = await StateStore.OpenAsync(data, cancellation);
        var now = TimeProvider.System.UnixNs();
        await state.WriteAsync(async context =>
        {
            var node = await context.Nodes.FirstOrDefaultAsync(row => row.Name == name, cancellation) ??
                throw new CollectorException($"node '{name}' is not enrolled here; see rgctl nodes list");
            node.RevokedUnixNs = node.RevokedUnixNs == 0 ? now : node.RevokedUnixNs;
            context.Audit.Add(AuditTrail.Row(now, AuditTrail.LocalUser, "node.revoke", name, ""));
        }, cancellation);
        await Console.Out.WriteLineAsync($"node {name} is revoked");
        return 0;
    }
}
