using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>
/// Sums coverage rows into what an answer says it searched. Three things are told apart: watched (an agent said so),
/// blind (an agent said so, or is silent now) and the rest, not reported.
/// </summary>
static class CoverageReport
{
    const int MaxGaps = 20;
    /// <summary>Agents report coverage by the minute: less than this unknown is only the last minutes, and no warning.</summary>
    const long UnreportedNs = 180 * UnixTime.NsPerSecond;

    /// <param name="node">Whose coverage.</param>
    /// <param name="rows">Its coverage and gap rows that touch the range.</param>
    /// <param name="range">Unix nanoseconds; its end is not after now.</param>
    /// <param name="silentSince">Since when it is silent, or 0.</param>
    /// <param name="warnings">Takes what a person must know beside the numbers.</param>
    public static NodeCoverage Of(
        NodeRow node, IEnumerable<HistoryRow> rows, (long From, long To) range, long silentSince, ICollection<string> warnings)
    {
        var from = Math.Max(range.From, node.EnrolledUnixNs);
        var to = Math.Max(from, range.To);
        var result = new NodeCoverage { Node = node.Name };
        var (watched, blind) = (new List<(long, long)>(), new List<(long, long)>());
        var losses = new SortedDictionary<(string Cause, string Class), ulong>();
        void Lose(string cause, string eventClass, ulong count)
        {
            if (count > 0)
            {
                losses[(cause, eventClass)] = losses.GetValueOrDefault((cause, eventClass)) + count;
            }
        }
        void AddGap(Coverage gap)
        {
            if (result.Gaps.Count < MaxGaps)
            {
                result.Gaps.Add(gap);
            }
        }
        foreach (var row in rows.OrderBy(row => row.TimeUnixNs))
        {
            if (row.Kind == HistoryKind.Gap.Name())
            {
                var gap = Gap.Parser.ParseJson(row.Detail);
                Lose("spool", "anomalies", gap.Anomalies);
                Lose("spool", "records", gap.Records);
                AddGap(new Coverage { FromUnixNs = gap.FromUnixNs, ToUnixNs = gap.ToUnixNs, Sensor = "agent", Reason = gap.Reason });
                continue;
            }
            var coverage = Coverage.Parser.ParseJson(row.Detail);
            foreach (var loss in coverage.Losses)
            {
                Lose(loss.Cause, loss.EventClass, loss.Count);
            }
            if (coverage.ContainerId.Length == 0)
            {
                (coverage.Blind ? blind : watched).Add((coverage.FromUnixNs, coverage.ToUnixNs));
            }
            if (coverage.Blind || coverage.Reason.Length > 0)
            {
                AddGap(coverage);
            }
        }
        if (silentSince != 0 && silentSince < to)
        {
            blind.Add((silentSince, to));
            AddGap(new Coverage { FromUnixNs = silentSince, ToUnixNs = to, Sensor = "agent", Blind = true, Reason = "silent" });
            warnings.Add($"{node.Name} is silent since {UnixTime.FromUnixNs(silentSince):u}");
        }
        result.BlindNs = Length(blind, from, to);
        result.WatchedNs = Length([.. watched, .. blind], from, to) - result.BlindNs;
        result.Losses.AddRange(losses.Select(pair =>
            new Loss { Cause = pair.Key.Cause, EventClass = pair.Key.Class, Count = pair.Value }));
        result.UnknownNs = to - from - result.BlindNs - result.WatchedNs;
        if (result.UnknownNs > UnreportedNs)
        {
            warnings.Add($"{node.Name} reported no coverage for {TimeSpan.FromSeconds(result.UnknownNs / UnixTime.NsPerSecond)} of the range");
        }
        return result;
    }

    /// <summary>Length of the union of spans, cut to the range.</summary>
    public static long Length(IEnumerable<(long From, long To)> spans, long from, long to)
    {
        var (length, end) = (0L, from);
        foreach (var span in spans.OrderBy(span => span.From))
        {
            var start = Math.Max(span.From, end);
            var stop = Math.Min(span.To, to);
            if (stop > start)
            {
                length += stop - start;
                end = stop;
            }
        }
        return length;
    }
}
