using System.CommandLine;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Collector.Trust;

namespace RuntimeGuard.Collector.Commands;

/// <summary>`token create` and `metrics-token create`: print a secret once. They work beside a running collector.</summary>
static class TokenCommands
{
    public static Command BuildJoin()
    {
        var dataDir = CommandLine.DataDir();
        var node = new Option<string>("--node") { Description = "the only node name it enrols; any when not given", HelpName = "NAME" };
        var uses = new Option<int>("--uses") { Description = "how many nodes it enrols", DefaultValueFactory = _ => 1 };
        var lifetime = new Option<TimeSpan>("--lifetime")
        {
            Description = "how long it is valid, up to 7d",
            HelpName = "DURATION",
            CustomParser = Durations.Parse,
            DefaultValueFactory = _ => JoinTokens.DefaultLifetime,
        };
        var create = new Command("create", "make a join token and print it") { dataDir, node, uses, lifetime };
        create.SetAction((result, cancellation) => JoinAsync(new DataDirectory(result.GetRequiredValue(dataDir)),
            result.GetValue(node) ?? "", result.GetValue(lifetime), result.GetValue(uses), cancellation));
        return new Command("token", "join tokens, with which agents enrol") { create };
    }

    public static Command BuildMetrics()
    {
        var dataDir = CommandLine.DataDir();
        var create = new Command("create", "make a token for /metrics and gRPC reflection and print it") { dataDir };
        create.SetAction(async (result, cancellation) =>
        {
            var data = new DataDirectory(result.GetRequiredValue(dataDir));
            data.RequireInitialised();
            using var state = await StateStore.OpenAsync(data, cancellation);
            var tokens = new BearerTokens(state, TimeProvider.System);
            var (token, _) = await tokens.IssueAsync(
                AuditTrail.LocalUser, Role.Metrics, BearerTokens.MetricsLifetime, cancellation);
            await Console.Out.WriteLineAsync(token);
            return 0;
        });
        return new Command("metrics-token", "tokens for scrapers") { create };
    }

    static async Task<int> JoinAsync(DataDirectory data, string node, TimeSpan lifetime, int uses, CancellationToken cancellation)
    {
        data.RequireInitialised();
        using var authority = CertificateAuthority.Load(data);
        using var state = await StateStore.OpenAsync(data, cancellation);
        try
        {
            var (token, _) = await new JoinTokens(state, authority, TimeProvider.System)
                .CreateAsync(node, lifetime, uses, AuditTrail.LocalUser, cancellation);
            await Console.Out.WriteLineAsync(token);
            return 0;
        }
        catch (ArgumentException e)
        {
            throw new CollectorException(e.Message, e);
        }
    }
}
