using DuckDB.NET.Data;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>Writes rows in the order of <see cref="HistorySchema.Columns"/>.</summary>
static class HistoryAppender
{
    /// <summary>Returns the times the rows span and the next free id. Inside a transaction.</summary>
    public static (long First, long Last, long NextId) Append(
        DuckDBConnection connection, Segment segment, IEnumerable<HistoryItem> items)
    {
        var (first, last, id) = (long.MaxValue, long.MinValue, segment.NextId);
        using var appender = connection.CreateAppender(segment.Alias, "main", "events");
        foreach (var item in items)
        {
            Append(appender, item, id++);
            first = Math.Min(first, item.TimeUnixNs);
            last = Math.Max(last, item.LastUnixNs);
        }
        return (first, last, id);
    }

    static void Append(DuckDBAppender appender, HistoryItem item, long id)
    {
        var (container, process) = (item.Container, item.Process);
        var peer = PeerRange.Number(item.Peer) ?? 0;
        appender.CreateRow()
            .AppendValue(item.TimeUnixNs).AppendValue(item.LastUnixNs).AppendValue(item.ReceivedUnixNs).AppendValue(id)
            .AppendValue((byte)item.Kind).AppendValue(item.Node)
            .AppendValue(Text(container.Workload?.Namespace)).AppendValue(Text(container.Workload?.Image))
            .AppendValue(Text(container.Id)).AppendValue(Text(container.Name)).AppendValue(Text(container.Pod))
            .AppendValue(Text(container.Tag)).AppendValue(Text(container.Digest))
            .AppendValue(process.Pid).AppendValue(process.StartUnixNs)
            .AppendValue(process.ParentPid).AppendValue(process.ParentStartUnixNs).AppendValue(process.Uid)
            .AppendValue(Text(process.Exe)).AppendValue(Text(process.Comm)).AppendValue(Text(item.Args))
            .AppendValue((int)item.Event).AppendValue((int)item.Class)
            .AppendValue(Text(item.Subject)).AppendValue(Text(item.Behaviour))
            .AppendValue(Text(item.Peer)).AppendValue((ulong)(peer >> 64)).AppendValue((ulong)peer)
            .AppendValue((int)item.Port).AppendValue((long)item.Count).AppendValue(item.Score)
            .AppendValue(Text(item.Rule)).AppendValue(Text(item.Detail)).AppendValue(Text(item.Extra))
            .EndRow();
    }

    /// <summary>DuckDB ends a string at U+0000; no path, name or argument of a kernel holds one. U+2400 stands for it.</summary>
    static string Text(string? text) => text is null ? "" : text.Replace('\0', '\u2400');
}
