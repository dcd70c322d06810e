using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>What an answer was searched over and what was not seen in it: "no alerts" without it means nothing.</summary>
static class CoverageText
{
    const int ReasonsShown = 3;

    /// <summary><c>coverage: node n1 watched 23h 58m, blind 2m (agent restart)</c>; one line per node.</summary>
    public static void Show(Terminal terminal, CoverageSummary? coverage)
    {
        foreach (var line in Lines(coverage))
        {
            terminal.Out.WriteLine(line);
        }
    }

    public static IEnumerable<string> Lines(CoverageSummary? coverage)
    {
        if (coverage is null || coverage.Nodes.Count == 0)
        {
            yield return "coverage: unknown, no node has reported what it watched in this time";
        }
        else
        {
            foreach (var node in coverage.Nodes)
            {
                yield return $"coverage: {Node(node)}";
            }
        }

        foreach (var warning in coverage?.Warnings ?? [])
        {
            yield return $"warning: {SafeText.Of(warning)}";
        }
    }

    public static JsonObject Json(CoverageSummary? coverage) => new()
    {
        ["from_unix_ns"] = coverage?.FromUnixNs ?? 0,
        ["to_unix_ns"] = coverage?.ToUnixNs ?? 0,
        ["nodes"] = new JsonArray([.. (coverage?.Nodes ?? []).Select(node => new JsonObject
        {
            ["node"] = node.Node,
            ["watched_ns"] = node.WatchedNs,
            ["blind_ns"] = node.BlindNs,
            ["unknown_ns"] = node.UnknownNs,
            ["losses"] = Losses(node.Losses),
            ["gaps"] = new JsonArray([.. node.Gaps.Select(Gap)]),
        })]),
        ["warnings"] = JsonText.Array(coverage?.Warnings ?? []),
    };

    public static JsonArray Losses(IEnumerable<Loss> losses) => new([.. losses.Select(loss => new JsonObject
    {
        ["cause"] = loss.Cause,
        ["event_class"] = loss.EventClass,
        ["count"] = loss.Count,
    })]);

    public static JsonObject Gap(Coverage gap) => new()
    {
        ["from_unix_ns"] = gap.FromUnixNs,
        ["to_unix_ns"] = gap.ToUnixNs,
        ["sensor"] = gap.Sensor,
        ["blind"] = gap.Blind,
        ["reason"] = gap.Reason,
        ["container_id"] = gap.ContainerId,
        ["losses"] = Losses(gap.Losses),
    };

    /// <summary><c>12 exec events (ring_full), 3 events (spool_overflow)</c>; empty when nothing was lost.</summary>
    public static string Lost(IEnumerable<Loss> losses) => string.Join(", ", losses.Where(loss => loss.Count > 0).Select(loss =>
        $"{loss.Count} {(loss.EventClass.Length == 0 ? "" : SafeText.Of(loss.EventClass) + " ")}events ({SafeText.Of(loss.Cause)})"));

    static string Node(NodeCoverage node)
    {
        var text = $"node {SafeText.Of(node.Node)} watched {Moment.ShowSpan(node.WatchedNs)}";
        if (node.BlindNs > 0)
        {
            var reasons = node.Gaps.Where(gap => gap.Blind && gap.Reason.Length > 0).Select(gap => gap.Reason).Distinct().ToList();
            var why = string.Join(", ", reasons.Take(ReasonsShown).Select(reason => SafeText.Of(reason, 80)));
            text += $", blind {Moment.ShowSpan(node.BlindNs)}{(why.Length == 0 ? "" : $" ({why}{(reasons.Count > ReasonsShown ? ", …" : "")})")}";
        }

        if (node.UnknownNs > 0)
        {
            text += $", unknown {Moment.ShowSpan(node.UnknownNs)}";
        }

        var lost = Lost(node.Losses);
        return lost.Length == 0 ? text : $"{text}, lost {lost}";
    }
}
