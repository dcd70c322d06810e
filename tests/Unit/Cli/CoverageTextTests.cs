using RuntimeGuard.Cli;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class CoverageTextTests
{
    const long Minute = 60_000_000_000;

    [Fact]
    public void An_answer_without_coverage_is_unknown() =>
        Assert.Equal("coverage: unknown, no node has reported what it watched in this time", Assert.Single(CoverageText.Lines(null)));

    [Fact]
    public void Each_node_says_what_it_watched_and_why_it_did_not()
    {
        var coverage = new CoverageSummary
        {
            Nodes =
            {
                new NodeCoverage
                {
                    Node = "n1",
                    WatchedNs = 1438 * Minute,
                    BlindNs = 2 * Minute,
                    Gaps = { new Coverage { Blind = true, Reason = "agent restart" }, new Coverage { Blind = true, Reason = "agent restart" } },
                },
                new NodeCoverage { Node = "n2", WatchedNs = Minute, Losses = { new Loss { Cause = "ring_full", EventClass = "open", Count = 5 } } },
            },
            Warnings = { "2026-01-02 is\u001b[31m quarantined" },
        };

        Assert.Equal(
            [
                "coverage: node n1 watched 23h 58m, blind 2m (agent restart)",
                "coverage: node n2 watched 1m, lost 5 open events (ring_full)",
                "warning: 2026-01-02 is\\x1b[31m quarantined",
            ],
            CoverageText.Lines(coverage));
    }
}
