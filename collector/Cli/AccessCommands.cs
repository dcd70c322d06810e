using System.CommandLine;
using System.Text.Json.Nodes;
using RuntimeGuard.Proto;
using Spectre.Console;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl login|logout|whoami</c>.</summary>
static class AccessCommands
{
    const string DefaultServer = "localhost";

    public static Command Login(Session session)
    {
        var server = new Option<string>("--server") { Description = "the collector; default: the last one, else localhost:7444", HelpName = "HOST:PORT" };
        var ca = new Option<string>("--ca") { Description = "trust this CA certificate", HelpName = "FILE" };
        var fingerprint = new Option<string>("--ca-fingerprint")
        {
            Description = "trust the CA the collector shows if its key has this hash, as install.sh prints it",
            HelpName = "sha256:HEX",
        };
        var user = new Option<string>("--user") { Description = "default: asked for", HelpName = "NAME" };
        var passwordStdin = new Option<bool>("--password-stdin") { Description = "read the password from standard input" };
        var command = new Command("login", "Log in to a collector; the token is kept in a file only you can read.")
        {
            server, ca, fingerprint, user, passwordStdin,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            var terminal = session.Terminal;
            var before = session.LoginFile.Read();
            var address = CollectorAddress.Canonical(parsed.GetValue(server) ?? before?.Server ?? DefaultServer);
            var pem = await TrustAsync(address, parsed.GetValue(ca), parsed.GetValue(fingerprint), before, cancellation).ConfigureAwait(false);
            var name = parsed.GetValue(user) ?? await AskAsync(terminal, "User: ", secret: false, "--user", cancellation).ConfigureAwait(false);
            var password = parsed.GetValue(passwordStdin)
                ? await terminal.In.ReadLineAsync(cancellation).ConfigureAwait(false) ?? ""
                : await AskAsync(terminal, "Password: ", secret: true, "--password-stdin", cancellation).ConfigureAwait(false);
            using var collector = new Collector(new Login(address, pem, name, ""), terminal.Clock);
            await Session.GuardAsync(address, async () =>
            {
                var answer = await collector.Access.LoginAsync(new LoginRequest { User = name, Password = password },
                    collector.Call(cancellation)).ConfigureAwait(false);
                session.LoginFile.Write(new Login(address, pem, name, answer.Token));
                await terminal.Out.WriteLineAsync(
                    $"logged in to {address} as {SafeText.Of(name)} ({SafeText.Of(answer.Role)}) until {Moment.Show(answer.ExpiresUnixNs)}").ConfigureAwait(false);
            }, cancellation).ConfigureAwait(false);
            return (int)ExitCode.Ok;
        });
        return command;
    }

    public static Command Logout(Session session)
    {
        var command = new Command("logout", "End the session at the collector and forget its token.");
        command.SetAction(async (parsed, cancellation) =>
        {
            var login = session.RequireLogin();
            // The token goes first: whatever the collector says, this host no longer has it.
            session.LoginFile.Write(login with { Token = "" });
            using var collector = new Collector(login, session.Terminal.Clock);
            await Session.GuardAsync(login.Server, async () =>
                await collector.Access.LogoutAsync(new LogoutRequest(), collector.Call(cancellation)).ConfigureAwait(false), cancellation).ConfigureAwait(false);
            await session.Terminal.Out.WriteLineAsync($"logged out of {login.Server}").ConfigureAwait(false);
            return (int)ExitCode.Ok;
        });
        return command;
    }

    public static Command WhoAmI(Session session)
    {
        var command = new Command("whoami", "Who the collector takes you for, and until when.");
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var me = await collector.Access.WhoAmIAsync(new WhoAmIRequest(), collector.Call(cancellation)).ConfigureAwait(false);
            if (Session.Format(parsed) == OutputFormat.Table)
            {
                await session.Terminal.Out.WriteLineAsync($"{SafeText.Of(me.User)} ({SafeText.Of(me.Role)}) at {collector.Server} until "
                    + $"{Moment.Show(me.ExpiresUnixNs)}; collector {SafeText.Of(me.Version)}").ConfigureAwait(false);
                return;
            }

            JsonText.Write(session.Terminal, Session.Format(parsed), new JsonObject
            {
                ["user"] = me.User,
                ["role"] = me.Role,
                ["server"] = collector.Server,
                ["expires_unix_ns"] = me.ExpiresUnixNs,
                ["collector_version"] = me.Version,
                ["time_scale"] = JsonText.Number(me.TimeScale),
            });
        }));
        return command;
    }

    /// <summary>
    /// The CA to trust, PEM: what the command line says; else what the last login to this server trusted; else, on the
    /// collector's own host, what install.sh left there. Never what an unknown server claims.
    /// </summary>
    static async Task<string> TrustAsync(string server, string? file, string? fingerprint, Login? before, CancellationToken cancellation)
    {
        if (file is not null && fingerprint is not null)
        {
            throw new Failure(ExitCode.Usage, "--ca and --ca-fingerprint exclude each other", "give one of them");
        }

        if (file is not null)
        {
            return TrustedCa.FromFile(file);
        }

        if (fingerprint is not null)
        {
            return await TrustedCa.FromFingerprintAsync(server, fingerprint, cancellation).ConfigureAwait(false);
        }

        if (before is not null && before.Server == server)
        {
            return before.Ca;
        }

        return CollectorAddress.IsThisHost(server) && File.Exists(TrustedCa.InstalledPath)
            ? TrustedCa.FromFile(TrustedCa.InstalledPath)
            : throw new Failure(ExitCode.Usage, $"{server} is new to you: say which CA it must show",
                "give --ca FILE (the collector's ca.crt) or --ca-fingerprint sha256:HEX (as install.sh prints it)");
    }

    static async Task<string> AskAsync(Terminal terminal, string question, bool secret, string option, CancellationToken cancellation)
    {
        if (!terminal.Interactive)
        {
            throw new Failure(ExitCode.Usage, "nobody is at the keyboard to answer", $"give {option}");
        }

        var prompt = new TextPrompt<string>(question);
        return await terminal.Screen.PromptAsync(secret ? prompt.Secret(null) : prompt, cancellation).ConfigureAwait(false);
    }
}
