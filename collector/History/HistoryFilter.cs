using System.Globalization;
using Google.Protobuf.Collections;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>What a query looks for, checked. Stores build their SQL from this and from nothing else.</summary>
sealed record HistoryFilter
{
    public const int DefaultLimit = 1000;
    public const int MaxLimit = 100_000;
    const int MaxText = 4096;

    public required long FromUnixNs { get; init; }
    public required long ToUnixNs { get; init; }
    public required IReadOnlyList<HistoryKind> Kinds { get; init; }
    public required int Limit { get; init; }
    public HistoryCursor? Cursor { get; init; }
    public string Namespace { get; init; } = "";
    public string Image { get; init; } = "";
    public string Container { get; init; } = "";
    public string Node { get; init; } = "";
    public string Text { get; init; } = "";
    public int? Pid { get; init; }
    /// <summary>An executable's whole path, or its last component.</summary>
    public string Exe { get; init; } = "";
    public string Path { get; init; } = "";
    public bool PathIsPrefix { get; init; }
    public PeerRange? Peer { get; init; }
    public ushort? Port { get; init; }

    /// <exception cref="FormatException">A field cannot be understood; the message names it and what is expected.</exception>
    public static HistoryFilter Of(HistoryQuery query, long nowUnixNs)
    {
        foreach (var text in new[]
            { query.Namespace, query.Image, query.Container, query.Process, query.Path, query.Peer, query.Text, query.Node, query.Cursor })
        {
            if (text.Length > MaxText)
            {
                throw new FormatException($"a filter is longer than {MaxText} characters");
            }
        }
        var to = query.ToUnixNs == 0 ? nowUnixNs : query.ToUnixNs;
        var from = query.FromUnixNs == 0 ? to - UnixTime.NsPerDay : query.FromUnixNs;
        if (from >= to)
        {
            throw new FormatException("the time range is empty: from must be before to");
        }
        var (peer, port) = PeerRange.Parse(query.Peer);
        var isPid = int.TryParse(query.Process, NumberStyles.None, CultureInfo.InvariantCulture, out var pid);
        return new HistoryFilter
        {
            FromUnixNs = from,
            ToUnixNs = to,
            Kinds = ParseKinds(query.Kinds),
            Limit = query.Limit == 0 ? DefaultLimit : Math.Clamp(query.Limit, 1, MaxLimit),
            Cursor = ParseCursor(query.Cursor),
            Namespace = query.Namespace,
            Image = query.Image,
            Container = query.Container,
            Node = query.Node,
            Text = query.Text,
            Pid = isPid ? pid : null,
            Exe = isPid ? "" : query.Process,
            Path = query.Path.EndsWith('*') ? query.Path[..^1] : query.Path,
            PathIsPrefix = query.Path.EndsWith('*'),
            Peer = peer,
            Port = port,
        };
    }

    public static string CursorText(HistoryCursor cursor) =>
        string.Create(CultureInfo.InvariantCulture, $"{cursor.TimeUnixNs}.{cursor.Id}");

    static HistoryCursor? ParseCursor(string cursor)
    {
        if (cursor.Length == 0)
        {
            return null;
        }
        var parts = cursor.Split('.');
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var time) &&
            long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new HistoryCursor(time, id)
            : throw new FormatException("cursor is not one this collector gave; repeat the query without it");
    }

    static List<HistoryKind> ParseKinds(RepeatedField<string> names)
    {
        if (names.Count == 0)
        {
            return [HistoryKind.Exec, HistoryKind.Exit, HistoryKind.Activity, HistoryKind.Anomaly];
        }
        return [.. names.Select(name => HistoryKinds.Parse(name) ?? throw new FormatException(
            $"kind '{name}' is not one of exec, exit, activity, anomaly, coverage, gap")).Distinct()];
    }
}
