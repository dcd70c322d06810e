using System.CommandLine;
using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl admin join-token</c>: what a new node needs to enrol.</summary>
static class AdminCommands
{
    public static Command Create(Session session) => new("admin", "For administrators.") { JoinToken(session) };

    static Command JoinToken(Session session)
    {
        var node = Options.Text("--node", "only the node of this name may use it", "NAME");
        var lifetime = Options.Span("--lifetime", "how long it can be used; default 1h");
        var uses = new Option<int>("--uses") { Description = "how many nodes may use it; default 1", HelpName = "N" };
        var command = new Command("join-token", "Make a token a new agent enrols with; it is shown once.") { node, lifetime, uses };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var answer = await collector.Access.CreateJoinTokenAsync(new CreateJoinTokenRequest
            {
                Node = parsed.GetValue(node),
                LifetimeSeconds = parsed.GetValue(lifetime),
                Uses = parsed.GetValue(uses),
            }, collector.Call(cancellation)).ConfigureAwait(false);
            if (Session.Format(parsed) != OutputFormat.Table)
            {
                JsonText.Write(session.Terminal, Session.Format(parsed),
                    new JsonObject { ["token"] = answer.Token, ["expires_unix_ns"] = answer.ExpiresUnixNs });
                return;
            }

            // The token alone on standard output, so that it can be redirected into the file --token-file wants.
            await session.Terminal.Error.WriteLineAsync(
                $"valid until {Moment.Show(answer.ExpiresUnixNs)}; on the node: sudo ./install.sh --agent-only --collector HOST:PORT --token-file FILE").ConfigureAwait(false);
            await session.Terminal.Out.WriteLineAsync(SafeText.Of(answer.Token)).ConfigureAwait(false);
        }));
        return command;
    }
}
