using System.Globalization;
using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>Rows of history for people and machines.</summary>
static class HistoryText
{
    public static void Show(Terminal terminal, List<HistoryRow> rows, HistoryEnd end)
    {
        if (rows.Count == 0)
        {
            terminal.Out.WriteLine("nothing found");
        }
        else
        {
            var sheet = new Sheet("TIME", "KIND", "WORKLOAD", "CONTAINER", "PID", "PROCESS", "COUNT", "WHAT");
            foreach (var row in rows)
            {
                sheet.Add(Moment.ShowPrecise(row.TimeUnixNs), row.Kind, Words.Workload(row.Container?.Workload),
                    Words.ContainerId(row.Container?.Id ?? ""), row.Process is { Pid: > 0 } process ? $"{process.Pid}" : "",
                    Path.GetFileName(row.Process?.Exe ?? ""), row.Count > 1 ? $"{row.Count}" : "", What(row));
            }

            sheet.Show(terminal);
        }

        CoverageText.Show(terminal, end.Coverage);
        if (end.Partial)
        {
            terminal.Out.WriteLine("warning: not everything could be searched");
        }

        if (end.NextCursor.Length > 0)
        {
            terminal.Out.WriteLine($"there are more: --cursor {SafeText.Of(end.NextCursor)}");
        }
    }

    public static JsonObject Json(HistoryRow row) => new()
    {
        ["time_unix_ns"] = row.TimeUnixNs,
        ["last_unix_ns"] = row.LastUnixNs,
        ["received_unix_ns"] = row.ReceivedUnixNs,
        ["kind"] = row.Kind,
        ["event"] = row.Event,
        ["node"] = row.Node,
        ["namespace"] = row.Container?.Workload?.Namespace ?? "",
        ["image"] = row.Container?.Workload?.Image ?? "",
        ["container_id"] = row.Container?.Id ?? "",
        ["container_name"] = row.Container?.Name ?? "",
        ["pod"] = row.Container?.Pod ?? "",
        ["process"] = row.Process is null ? null : AlertJson.Of(row.Process),
        ["subject"] = row.Subject,
        ["behaviour"] = row.Behaviour,
        ["peer"] = row.Peer,
        ["port"] = row.Port,
        ["count"] = row.Count,
        ["score"] = JsonText.Number(row.Score),
        ["detail"] = row.Detail,
    };

    static string What(HistoryRow row)
    {
        var subject = row switch
        {
            { Kind: "exec", Process.Args.Count: > 0 } => SafeText.OfArguments(row.Process.Args),
            { Subject.Length: > 0 } => row.Subject,
            { Peer.Length: > 0 } => string.Create(CultureInfo.InvariantCulture, $"{row.Peer}:{row.Port}"),
            _ => row.Behaviour,
        };
        return string.Join("  ", new[] { row.Event, subject, row.Detail }.Where(part => part.Length > 0));
    }
}
