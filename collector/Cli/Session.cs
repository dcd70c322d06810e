using System.CommandLine;
using Grpc.Core;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

enum OutputFormat
{
    Table,
    Json,
    JsonLines,
}

/// <summary>What every command that asks the collector does around its question.</summary>
sealed class Session(Terminal terminal)
{
    public static Option<OutputFormat> Output { get; } = CreateOutput();

    public Terminal Terminal => terminal;

    public LoginFile LoginFile => LoginFile.Default(terminal.Environment);

    public Login RequireLogin() => LoginFile.Read() is { Token.Length: > 0 } login
        ? login
        : throw new Failure(ExitCode.Denied, "not logged in", "run: rgctl login --server HOST:PORT");

    /// <summary>An action that talks to the collector as the person logged in.</summary>
    /// <param name="quiet">Its output is for a program in every format: nothing is said before it.</param>
    public Func<ParseResult, CancellationToken, Task<int>> Asking(Func<Collector, ParseResult, CancellationToken, Task> ask, bool quiet = false) =>
        async (parsed, cancellation) =>
        {
            var login = RequireLogin();
            using var collector = new Collector(login, terminal.Clock);
            await GuardAsync(login.Server, async () =>
            {
                if (!quiet && Format(parsed) == OutputFormat.Table)
                {
                    await ShowTimeScaleAsync(collector, cancellation).ConfigureAwait(false);
                }

                await ask(collector, parsed, cancellation).ConfigureAwait(false);
            }, cancellation).ConfigureAwait(false);
            return (int)ExitCode.Ok;
        };

    public static OutputFormat Format(ParseResult parsed) => parsed.GetValue(Output);

    /// <summary>Runs calls to the collector; what they end with becomes a <see cref="Failure"/> or a cancellation.</summary>
    public static async Task GuardAsync(string server, Func<Task> calls, CancellationToken cancellation)
    {
        try
        {
            await calls().ConfigureAwait(false);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled && cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(error.Message, error, cancellation);
        }
        catch (RpcException error)
        {
            throw RpcFailure.From(error, server);
        }
    }

    /// <summary>Model time that runs faster than the clock makes every span and rate on the screen mean something else.</summary>
    async Task ShowTimeScaleAsync(Collector collector, CancellationToken cancellation)
    {
        var me = await collector.Access.WhoAmIAsync(new WhoAmIRequest(), collector.Call(cancellation)).ConfigureAwait(false);
        if (Words.TimeScale(me.TimeScale) is { } warning)
        {
            await terminal.Out.WriteLineAsync(warning).ConfigureAwait(false);
        }
    }

    static Option<OutputFormat> CreateOutput()
    {
        var option = new Option<OutputFormat>("--output", "-o")
        {
            Description = "table for people; json or jsonl for machines",
            Recursive = true,
            HelpName = "table|json|jsonl",
            DefaultValueFactory = _ => OutputFormat.Table,
            CustomParser = argument =>
            {
                switch (argument.Tokens is [var token] ? token.Value : "")
                {
                    case "table":
                        return OutputFormat.Table;
                    case "json":
                        return OutputFormat.Json;
                    case "jsonl":
                        return OutputFormat.JsonLines;
                    default:
                        argument.AddError("--output is table, json or jsonl");
                        return OutputFormat.Table;
                }
            },
        };
        option.CompletionSources.Clear();
        option.CompletionSources.Add("table", "json", "jsonl");
        return option;
    }
}
