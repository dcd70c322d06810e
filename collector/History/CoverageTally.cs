using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>
/// Adds up the coverage rows of one node into what an answer says it searched. Three things are told apart: watched (an
/// agent said so), blind (an agent said so, or is silent now) and the rest, not reported. Rows may come in any order and
/// number; what is kept of them is bounded by the gaps between them. One thread.
/// </summary>
sealed class CoverageTally
{
    const int MaxGaps = 20;
    const int MaxLosses = 64;
    /// <summary>What a gap shows of each of its texts and lists: twenty of every node go into one answer.</summary>
    const int ShownText = 240;
    const int ShownLosses = 8;
    /// <summary>Agents report coverage by the minute: less than this unknown is only the last minutes, and no warning.</summary>
    const long UnreportedNs = 180 * UnixTime.NsPerSecond;

    /// <summary>A span that still runs is not written down yet: heartbeats stand for it, for so long at the most.</summary>
    const long RunningNs = 120 * UnixTime.NsPerSecond;

    readonly SpanSet _watched = new();
    readonly SpanSet _blind = new();
    readonly SortedDictionary<(string Cause, string Class), ulong> _losses = [];
    // The newest, by their beginning.
    readonly PriorityQueue<Coverage, long> _gaps = new();
    long _newestNs;

    public void Add(CoverageRow row)
    {
        if (row.Kind == HistoryKind.Gap)
        {
            var gap = Gap.Parser.ParseJson(row.Message);
            Lose("spool", "anomalies", gap.Anomalies);
            Lose("spool", "records", gap.Records);
            AddGap(new Coverage { FromUnixNs = gap.FromUnixNs, ToUnixNs = gap.ToUnixNs, Sensor = "agent", Reason = gap.Reason });
            return;
        }
        if (row.WholeNode)
        {
            _newestNs = Math.Max(_newestNs, row.ToUnixNs);
            (row.Blind ? _blind : _watched).Add(row.FromUnixNs, row.ToUnixNs);
        }
        if (row.Message.Length == 0)
        {
            return;
        }
        var coverage = Coverage.Parser.ParseJson(row.Message);
        foreach (var loss in coverage.Losses)
        {
            Lose(loss.Cause, loss.EventClass, loss.Count);
        }
        if (coverage.Blind || coverage.Reason.Length > 0)
        {
            AddGap(coverage);
        }
    }

    /// <summary>The node is connected: it has watched since it started, and was heard at a time.</summary>
    public void Hear(long startedUnixNs, long heardUnixNs)
    {
        var since = Math.Max(_newestNs, startedUnixNs);
        if (heardUnixNs - since <= RunningNs)
        {
            _watched.Add(since, heardUnixNs);
        }
    }

    /// <param name="node">Whose rows were added.</param>
    /// <param name="range">Unix nanoseconds; its end is not after now.</param>
    /// <param name="silentSince">Since when it is silent, or 0.</param>
    /// <param name="warnings">Takes what a person must know beside the numbers.</param>
    public NodeCoverage Report(NodeRow node, (long From, long To) range, long silentSince, ICollection<string> warnings)
    {
        var from = Math.Max(range.From, node.EnrolledUnixNs);
        var to = Math.Max(from, range.To);
        if (silentSince != 0 && silentSince < to)
        {
            _blind.Add(silentSince, to);
            AddGap(new Coverage { FromUnixNs = silentSince, ToUnixNs = to, Sensor = "agent", Blind = true, Reason = "silent" });
            warnings.Add($"{node.Name} is silent since {UnixTime.FromUnixNs(silentSince):u}");
        }
        var blind = _blind.Within(from, to);
        _watched.Add(_blind);
        var result = new NodeCoverage { Node = node.Name, BlindNs = blind, WatchedNs = _watched.Within(from, to) - blind };
        result.UnknownNs = to - from - result.BlindNs - result.WatchedNs;
        result.Losses.AddRange(_losses.Select(pair => new Loss { Cause = pair.Key.Cause, EventClass = pair.Key.Class, Count = pair.Value }));
        result.Gaps.AddRange(_gaps.UnorderedItems.Select(item => item.Element).OrderBy(gap => gap.FromUnixNs));
        if (result.UnknownNs > UnreportedNs)
        {
            warnings.Add($"{node.Name} reported no coverage for {TimeSpan.FromSeconds(result.UnknownNs / UnixTime.NsPerSecond)} of the range");
        }
        return result;
    }

    void Lose(string cause, string eventClass, ulong count)
    {
        if (count == 0)
        {
            return;
        }
        var key = (cause, eventClass);
        if (_losses.Count >= MaxLosses && !_losses.ContainsKey(key))
        {
            key = ("other", "");
        }
        var before = _losses.GetValueOrDefault(key);
        _losses[key] = ulong.MaxValue - before < count ? ulong.MaxValue : before + count;
    }

    void AddGap(Coverage gap)
    {
        _gaps.Enqueue(gap, gap.FromUnixNs);
        if (_gaps.Count > MaxGaps)
        {
            _gaps.Dequeue();
        }
        gap.Reason = Shown(gap.Reason);
        gap.Sensor = Shown(gap.Sensor);
        while (gap.Losses.Count > ShownLosses)
        {
            gap.Losses.RemoveAt(gap.Losses.Count - 1);
        }
    }

    static string Shown(string text) => text.Length <= ShownText ? text : string.Concat(text.AsSpan(0, ShownText - 1), "…");
}
