using System.Globalization;
using DuckDB.NET.Data;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>Builds the SELECT of a filter: constant text, names this process made, and parameters for all values.</summary>
static class HistorySql
{
    public static readonly string Select = string.Join(", ", HistorySchema.Columns.Select(column => column.Split(' ')[0]));

    public static void Write(DuckDBCommand command, HistoryFilter filter, IEnumerable<Segment> segments, int limit)
    {
        var where = Where(command, filter);
        var parts = segments.Select(segment => $"SELECT {Select} FROM {segment.Alias}.main.events WHERE {where}");
        command.CommandText =
            $"SELECT {Select} FROM ({string.Join(" UNION ALL ", parts)}) ORDER BY ts DESC, id DESC LIMIT {limit.ToString(CultureInfo.InvariantCulture)}";
    }

    /// <summary>
    /// Coverage and gap rows. The message comes along only where it says more than the columns do: of millions of rows
    /// of healthy nodes none is parsed. A quote inside a text of JSON is escaped, so the names found are fields.
    /// </summary>
    public static void WriteCoverage(DuckDBCommand command, IEnumerable<Segment> segments, (long From, long To) range, string node)
    {
        const string blind = "contains(extra, '\"blind\": true')";
        var (coverage, gap) = ((int)HistoryKind.Coverage, (int)HistoryKind.Gap);
        var ofNode = node.Length > 0 ? " AND node = $node" : "";
        command.CommandText = string.Join(" UNION ALL ", segments.Select(segment =>
            $"SELECT node, kind, ts, last, {blind} AS blind, container = '' AS whole, " +
            $"CASE WHEN kind = {gap} OR detail <> '' OR {blind} OR contains(extra, '\"losses\"') THEN extra ELSE '' END AS message " +
            $"FROM {segment.Alias}.main.events WHERE kind IN ({coverage}, {gap}) AND ts < $to AND last >= $from{ofNode}"));
        command.Parameters.Add(new DuckDBParameter("to", range.To));
        command.Parameters.Add(new DuckDBParameter("from", range.From));
        if (node.Length > 0)
        {
            command.Parameters.Add(new DuckDBParameter("node", node));
        }
    }

    /// <summary>Sums by behaviour, version and container. Activity counts what happened; an anomaly is one of them, or was not counted.</summary>
    public static void WriteBehaviours(DuckDBCommand command, IEnumerable<Segment> segments, HistoryRange range, int limit)
    {
        var (activity, anomaly) = ((int)HistoryKind.Activity, (int)HistoryKind.Anomaly);
        var parts = segments.Select(segment =>
            $"SELECT kind, class, behaviour, tag, digest, container, subject, node, ts, last, count FROM {segment.Alias}.main.events " +
            $"WHERE kind IN ({activity}, {anomaly}) AND ts >= $from AND ts < $to AND ns = $ns AND image = $image AND behaviour <> ''");
        command.CommandText =
            "SELECT class, behaviour, tag, digest, container, arg_min(subject, ts), arg_min(node, ts), min(ts), max(last), " +
            $"CAST(greatest(coalesce(sum(count) FILTER (kind = {activity}), 0), count(*) FILTER (kind = {anomaly})) AS BIGINT) " +
            $"FROM ({string.Join(" UNION ALL ", parts)}) GROUP BY class, behaviour, tag, digest, container " +
            $"LIMIT {limit.ToString(CultureInfo.InvariantCulture)}";
        command.Parameters.Add(new DuckDBParameter("from", range.FromUnixNs));
        command.Parameters.Add(new DuckDBParameter("to", range.ToUnixNs));
        command.Parameters.Add(new DuckDBParameter("ns", range.Namespace));
        command.Parameters.Add(new DuckDBParameter("image", range.Image));
    }

    static string Where(DuckDBCommand command, HistoryFilter filter)
    {
        var terms = new List<string>();
        void Add(string term, params ReadOnlySpan<(string Name, object Value)> values)
        {
            terms.Add(term);
            foreach (var (name, value) in values)
            {
                command.Parameters.Add(new DuckDBParameter(name, value));
            }
        }
        Add("ts < $to AND last >= $from", ("to", filter.ToUnixNs), ("from", filter.FromUnixNs));
        terms.Add($"kind IN ({string.Join(", ", filter.Kinds.Select(kind => ((int)kind).ToString(CultureInfo.InvariantCulture)))})");
        if (filter.Cursor is { } cursor)
        {
            Add("(ts < $cts OR (ts = $cts AND id < $cid))", ("cts", cursor.TimeUnixNs), ("cid", cursor.Id));
        }
        if (filter.Namespace.Length > 0)
        {
            Add("ns = $ns", ("ns", filter.Namespace));
        }
        if (filter.Image.Length > 0)
        {
            Add("contains(image, $image)", ("image", filter.Image));
        }
        if (filter.Node.Length > 0)
        {
            Add("node = $node", ("node", filter.Node));
        }
        if (filter.Container.Length > 0)
        {
            Add("(starts_with(container, $container) OR cname = $container)", ("container", filter.Container));
        }
        if (filter.Pid is { } pid)
        {
            Add("pid = $pid", ("pid", pid));
        }
        if (filter.Exe.Length > 0)
        {
            Add("(exe = $exe OR ends_with(exe, $name))", ("exe", filter.Exe), ("name", "/" + filter.Exe));
        }
        if (filter.Path.Length > 0 || filter.PathIsPrefix)
        {
            Add(filter.PathIsPrefix ? "starts_with(subject, $path)" : "subject = $path", ("path", filter.Path));
        }
        if (filter.Peer is { } peer)
        {
            Add("peer <> '' AND (peer_hi > $fhi OR (peer_hi = $fhi AND peer_lo >= $flo)) AND (peer_hi < $lhi OR (peer_hi = $lhi AND peer_lo <= $llo))",
                ("fhi", (ulong)(peer.First >> 64)), ("flo", (ulong)peer.First), ("lhi", (ulong)(peer.Last >> 64)), ("llo", (ulong)peer.Last));
        }
        if (filter.Port is { } port)
        {
            Add("port = $port", ("port", (int)port));
        }
        if (filter.Text.Length > 0)
        {
            Add("(contains(lower(replace(args, chr(31), ' ')), $text) OR contains(lower(subject), $text) OR contains(lower(behaviour), $text))",
                ("text", filter.Text.ToLowerInvariant()));
        }
        return string.Join(" AND ", terms);
    }
}
