using System.CommandLine;
using System.Text.Json.Nodes;
using Grpc.Core;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl history query</c>: what happened, and what could not be seen.</summary>
static class HistoryCommands
{
    static readonly string[] Kinds = ["exec", "exit", "activity", "anomaly", "coverage", "gap"];

    public static Command Create(Session session) => new("history", "What happened, kept for later questions.") { Query(session) };

    static Command Query(Session session)
    {
        var clock = session.Terminal.Clock;
        var since = Options.Time("--since", "from this time on: RFC 3339, or 15m, 24h, 7d ago; default 24h", clock);
        var until = Options.Time("--until", "up to this time; default now", clock);
        var text = new Dictionary<string, Option<string>>
        {
            ["namespace"] = Options.Text("--namespace", "of this namespace", "NAME"),
            ["image"] = Options.Text("--image", "whose image contains this", "TEXT"),
            ["container"] = Options.Text("--container", "container id (or its beginning) or name", "CONTAINER"),
            ["process"] = Options.Text("--process", "executable's path, its last component, or a pid", "PROCESS"),
            ["path"] = Options.Text("--path", "this path, or all below it when it ends in *", "PATH"),
            ["peer"] = Options.Text("--peer", "address, CIDR or address:port", "PEER"),
            ["text"] = Options.Text("--text", "anywhere in arguments, path or behaviour", "TEXT"),
            ["node"] = Options.Text("--node", "on this node", "NODE"),
            ["cursor"] = Options.Text("--cursor", "go on where an earlier answer ended", "CURSOR"),
        };
        var kind = new Option<string[]>("--kind")
        {
            Description = $"only these: {string.Join(", ", Kinds)}; may be repeated; default: all but coverage",
            HelpName = "KIND",
            AllowMultipleArgumentsPerToken = false,
        };
        kind.AcceptOnlyFromAmong(Kinds);
        var limit = Options.Limit(100_000, "at most this many rows; default 1000");
        var command = new Command("query", "Rows of history, newest first, with the coverage of the answer.") { since, until, kind, limit };
        foreach (var option in text.Values)
        {
            command.Add(option);
        }

        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var query = new HistoryQuery
            {
                FromUnixNs = parsed.GetValue(since),
                ToUnixNs = parsed.GetValue(until),
                Namespace = parsed.GetValue(text["namespace"]),
                Image = parsed.GetValue(text["image"]),
                Container = parsed.GetValue(text["container"]),
                Process = parsed.GetValue(text["process"]),
                Path = parsed.GetValue(text["path"]),
                Peer = parsed.GetValue(text["peer"]),
                Text = parsed.GetValue(text["text"]),
                Node = parsed.GetValue(text["node"]),
                Cursor = parsed.GetValue(text["cursor"]),
                Limit = parsed.GetValue(limit),
            };
            query.Kinds.Add(parsed.GetValue(kind) ?? []);
            using var call = collector.History.Query(query, collector.Stream(cancellation));
            await ShowAsync(session.Terminal, Session.Format(parsed), call.ResponseStream, cancellation).ConfigureAwait(false);
        }));
        return command;
    }

    /// <summary>Lines go out as they come; a table and one object need all rows first, which the limit bounds.</summary>
    static async Task ShowAsync(Terminal terminal, OutputFormat format, IAsyncStreamReader<HistoryAnswer> answers, CancellationToken cancellation)
    {
        var rows = new List<HistoryRow>();
        HistoryEnd? end = null;
        await foreach (var answer in answers.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            if (answer.End is not null)
            {
                end = answer.End;
            }
            else if (format == OutputFormat.JsonLines)
            {
                JsonText.Write(terminal, format, HistoryText.Json(answer.Row ?? new HistoryRow()));
            }
            else
            {
                rows.Add(answer.Row ?? new HistoryRow());
            }
        }

        if (end is null)
        {
            throw new Failure(ExitCode.Error, "the collector's answer broke off before its end", "ask again");
        }

        if (format == OutputFormat.Json)
        {
            JsonText.WriteList(terminal, format, "rows", rows.Select(HistoryText.Json), new JsonObject
            {
                ["next_cursor"] = end.NextCursor,
                ["partial"] = end.Partial,
                ["coverage"] = CoverageText.Json(end.Coverage),
            });
        }
        else if (format == OutputFormat.Table)
        {
            HistoryText.Show(terminal, rows, end);
        }
        else if (end.Partial || end.NextCursor.Length > 0)
        {
            await terminal.Error.WriteLineAsync($"rgctl: the answer is cut; go on with --cursor {SafeText.Of(end.NextCursor)}").ConfigureAwait(false);
        }
    }
}
