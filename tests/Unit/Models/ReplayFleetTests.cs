using RuntimeGuard.Models.Replay;
using RuntimeGuard.Tests.Fleet;
using static RuntimeGuard.Tests.Fleet.FleetPlan;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class ReplayFleetTests
{
    static readonly FleetPlan Small = new()
    {
        Seed = 7,
        Days = 6,
        Workloads =
        [
            new FleetWorkload("web", 4, 60, 1.3, 12) { DailyJob = true, Rollouts = [3] },
            new FleetWorkload("batch", 1, 200, 1.1, 12) { WeeklyJob = true, ScaleOut = (2, 3), DriftFromDay = 4 },
        ],
        Attacks =
        [
            new FleetAttack("download-and-run", 0, 1, Start + (5 * Day) + Hour),
            new FleetAttack("worm", 0, 0, Start + (5 * Day) + (2 * Hour), Spread: 4),
            new FleetAttack("reverse-shell", 1, 0, Start + (5 * Day) + (3 * Hour)),
        ],
    };

    [Fact]
    public void A_fleet_is_the_same_for_a_seed_and_another_for_another()
    {
        var first = ReplayEvents.Record(new FleetSource(Small));
        Assert.Equal(first, ReplayEvents.Record(new FleetSource(Small)));
        Assert.NotEqual(first, ReplayEvents.Record(new FleetSource(Small with { Seed = 8 })));
    }

    [Fact]
    public void Lines_a_recording_and_the_fleet_itself_give_the_same_report()
    {
        using var lines = new MemoryStream();
        FleetLines.Write(new FleetSource(Small), lines);
        var recording = ReplayEvents.Record(new FleetSource(Small));
        Assert.Equal(ReplayEvents.Texts(new FleetSource(Small)), ReplayEvents.Texts(new EventLines(new MemoryStream(lines.ToArray()))));
        var expected = Replay(() => new FleetSource(Small));
        Assert.Equal(expected, Replay(() => new EventLines(new MemoryStream(lines.ToArray()))));
        Assert.Equal(expected, Replay(() => new RecordingReader(new MemoryStream(recording))));
    }

    [Theory]
    [InlineData(false, 0.5)]
    [InlineData(true, 0.5)]
    [InlineData(true, 0.25)]
    public void A_replay_is_the_same_bit_for_bit(bool byContainer, double fraction)
    {
        var options = new ReplayOptions { SplitByContainer = byContainer, TrainFraction = fraction, NodesApart = true, Seed = 3 };
        Assert.Equal(Replay(() => new FleetSource(Small), options), Replay(() => new FleetSource(Small), options));
    }

    [Fact]
    public void Nodes_merged_in_any_order_hold_the_same_evidence()
    {
        var hashes = Enumerable.Range(1, 4).Select(seed => Run(() => new FleetSource(Small),
            new ReplayOptions { TrainFraction = 0.5, NodesApart = true, Seed = (ulong)seed }).EvidenceHash);
        Assert.Single(hashes.Distinct());
    }

    /// <summary>While all is learned and nothing collapses; beyond it nodes decide by what each has seen.</summary>
    [Fact]
    public void Merged_nodes_hold_the_evidence_of_a_single_node()
    {
        var plan = Small with { Days = 0.75, Attacks = [] };
        var options = new ReplayOptions { TrainFraction = 0.8, Ablations = ["set-membership", "no-generalisation"] };
        var single = Run(() => new FleetSource(plan), options);
        Assert.Equal(single.EvidenceHash, Run(() => new FleetSource(plan), options with { NodesApart = true }).EvidenceHash);
        Assert.Equal(single.FalseAlarms.Count, Run(() => new FleetSource(plan), options with { NodesApart = true }).FalseAlarms.Count);
    }

    [Fact]
    public void Loud_attacks_are_found_by_their_rules()
    {
        var report = Run(() => new FleetSource(Small), new ReplayOptions { TrainUntilNs = Start + (5 * Day) });
        Assert.Equal((3, 3), (report.Detection.Incidents, report.Detection.Found));
        Assert.Empty(report.Detection.Missed);
        Assert.Contains((AlarmSource.Rule, 3), report.Detection.FoundBy);
        Assert.InRange(report.Detection.SecondsToFirst95, 0, 10);
    }

    [Fact]
    public void Labels_of_what_is_not_judged_are_not_asked_for()
    {
        var report = Run(() => new FleetSource(Small), new ReplayOptions { SplitByContainer = true, Seed = 3 });
        Assert.Equal(new FleetSource(Small).Labels.All.Count, report.Detection.Outside + report.Detection.ByTechnique.Sum(row => row.Cases));
        Assert.NotEqual(0, report.Detection.Outside);
        Assert.Equal(report.Detection.Incidents, report.Detection.Found);
    }

    [Fact]
    public void Container_days_are_those_of_the_containers_that_are_judged()
    {
        var scope = Run(() => new FleetSource(Small), new ReplayOptions { TrainUntilNs = Start + (3 * Day) }).Scope;
        Assert.Equal((4 * 6) + (1 * 6) + (2 * 4), scope.TrainedContainerDays + scope.JudgedContainerDays, 1.0);
        Assert.Equal((4 * 3) + (3 * 3), scope.JudgedContainerDays, 1.0);
        Assert.Equal((3, 2, 4 + 4 + 3), (scope.Nodes, scope.Workloads, scope.Containers));
        var split = new ReplayOptions { SplitByContainer = true };
        var trained = Run(() => new FleetSource(Small), split).Scope;
        Assert.Equal(scope.TrainedContainerDays + scope.JudgedContainerDays, trained.TrainedContainerDays + trained.JudgedContainerDays, 0.01);
    }

    static string Replay(Func<IEventSource> open) => Replay(open, new ReplayOptions { TrainFraction = 0.5 });

    static string Replay(Func<IEventSource> open, ReplayOptions options) => RuntimeGuard.Cli.ReplayJson.Of(Run(open, options)).ToJsonString();

    static ReplayReport Run(Func<IEventSource> open, ReplayOptions options) =>
        ReplayRun.Run(open, options, new FleetSource(Small).Labels);
}
