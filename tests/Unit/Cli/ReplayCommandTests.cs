using System.Text.Json;
using RuntimeGuard.Cli;
using RuntimeGuard.Tests.Fleet;
using RuntimeGuard.Tests.Support;
using RuntimeGuard.Tests.Unit.Models;

namespace RuntimeGuard.Tests.Unit.Cli;

/// <summary>rgctl replay on files, as a person calls it; there is no collector and no login.</summary>
public sealed class ReplayCommandTests : IDisposable
{
    readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("rgctl-");

    public void Dispose() => _home.Delete(recursive: true);

    [Fact]
    public async Task Lines_a_recording_and_standard_input_give_the_same_report_bit_for_bit()
    {
        var lines = Write("events.jsonl", string.Concat(Enumerable.Range(0, 400).Select(i => ReplayEvents.Line.Trim()
            .Replace("1731000000000000000", $"{1731000000000000000 + (i * 60_000_000_000)}").Replace("\"open\"", "\"write\"") + "\n")));
        var recording = Path.Combine(_home.FullName, "events.rec");
        Assert.Contains("400 events recorded", (await RunAsync("replay", "record", lines, recording)).Output);
        var first = await RunAsync("replay", lines, "--train-fraction", "0.5", "-o", "json");
        Assert.Equal(0, first.Code);
        Assert.Contains("replayed 400 events", first.Error);
        Assert.Equal(first.Output, (await RunAsync("replay", recording, "--train-fraction", "0.5", "-o", "json")).Output);
        await using var input = File.OpenRead(lines);
        Assert.Equal(first.Output, (await RunAsync(input, "replay", "-", "--train-fraction", "0.5", "-o", "json")).Output);
        var report = JsonDocument.Parse(first.Output).RootElement;
        Assert.Equal(400, report.GetProperty("recording").GetProperty("events").GetInt64());
        Assert.Equal(RuntimeGuard.Models.Marks.DataHash, report.GetProperty("marks_sha256").GetString());
        var table = (await RunAsync("replay", recording)).Output;
        Assert.Contains("false alarms: 0", table);
        Assert.Equal(table, (await RunAsync("replay", recording)).Output);
    }

    [Fact]
    public async Task Labels_are_found_and_told_by_attack_and_technique()
    {
        var lines = Write("events.jsonl", $"{ReplayEvents.Line.Trim()}\n{ReplayEvents.Line.Trim()
            .Replace("1731000000000000000", "1731000001000000000").Replace("\"pid\":7", "\"pid\":8").Replace("/usr/sbin/nginx", "/bin/cat").Replace("/etc/nginx/nginx.conf", "/etc/shadow")}\n");
        var labels = Write("labels.jsonl",
            """{"container_id":"c1","from_unix_ns":1731000000000000000,"to_unix_ns":1731000009000000000,"technique":"T1003.008","attack":"password theft"}""");
        var (code, output, _) = await RunAsync("replay", lines, "--labels", labels);
        Assert.Equal(0, code);
        Assert.Contains("found 1 of 1 labelled incidents", output);
        Assert.Contains("password theft", output);
        Assert.Contains("T1003.008", output);
        Assert.Contains("first found by rule 1", output);
    }

    [Fact]
    public async Task A_fleet_with_attacks_goes_through_the_program_itself()
    {
        var plan = new FleetPlan
        {
            Seed = 3,
            Days = 3,
            Workloads = [new FleetWorkload("web", 3, 40, 1.4, 6)],
            Attacks = [new FleetAttack("worm", 0, 0, FleetPlan.Start + (2 * FleetPlan.Day) + FleetPlan.Hour, Spread: 3)],
        };
        await using (var lines = File.Create(Path.Combine(_home.FullName, "events.jsonl")))
            FleetLines.Write(new FleetSource(plan), lines);
        await using (var labels = File.Create(Path.Combine(_home.FullName, "labels.jsonl")))
            FleetLines.Write(new FleetSource(plan).Labels, labels);
        var rgctl = Path.Combine(AppContext.BaseDirectory, "rgctl");
        var replay = $"--labels labels.jsonl --train-until {DateTimeOffset.FromUnixTimeSeconds((FleetPlan.Start + (2 * FleetPlan.Day)) / FleetPlan.Second):O} -o json";
        var result = await Command.RunAsync("bash", "-c", $"cd '{_home.FullName}' && '{rgctl}' replay record - events.rec < events.jsonl"
            + $" && '{rgctl}' replay - {replay} < events.rec > a && '{rgctl}' replay events.jsonl {replay} > b && cmp a b && cat a");
        Assert.True(result.ExitCode == 0, result.Error);
        var detection = JsonDocument.Parse(result.Out[result.Out.IndexOf('{')..]).RootElement.GetProperty("detection");
        Assert.Equal((1, 1), (detection.GetProperty("incidents").GetInt32(), detection.GetProperty("found").GetInt32()));
    }

    [Theory]
    [InlineData("replay", 2, "there is nothing to replay")]
    [InlineData("replay /nonexistent", 4, "there is no file /nonexistent")]
    [InlineData("replay EVENTS --split pods", 2, "pods")]
    [InlineData("replay EVENTS --ablate no-brakes", 2, "there is no ablation 'no-brakes'; there are: no-generalisation")]
    [InlineData("replay EVENTS --ablate no-roles", 2, "no switch 'no-roles' yet")]
    [InlineData("replay EVENTS --alpha 0", 2, "alpha is 0")]
    [InlineData("replay EVENTS --train-until 2020-01-01T00:00:00Z", 2, "outside the recording, which goes from 2024-11-07T17:20:00Z")]
    [InlineData("replay BROKEN", 1, "line 2: is no valid JSON at byte 1")]
    [InlineData("replay EMPTY", 1, "holds no event")]
    [InlineData("replay CUT", 1, "ends without its end mark")]
    [InlineData("replay EVENTS --labels BROKEN", 1, "line 1: from_unix_ns is no whole number")]
    [InlineData("replay record EVENTS EVENTS", 2, "is there already")]
    [InlineData("replay record CUT OUT", 2, "is a recording already")]
    [InlineData("replay record BROKEN OUT", 1, "line 2: is no valid JSON")]
    public async Task What_cannot_be_replayed_is_said_with_a_remedy_and_leaves_nothing_behind(string arguments, int expected, string what)
    {
        Write("EVENTS", ReplayEvents.Line);
        Write("BROKEN", ReplayEvents.Line.Trim() + "\n{\n");
        Write("EMPTY", "");
        File.WriteAllBytes(Path.Combine(_home.FullName, "CUT"), ReplayEvents.Record(ReplayEvents.Lines(ReplayEvents.Line))[..^16]);
        var (code, output, error) = await RunAsync([.. arguments.Split(' ').Select(a =>
            a.All(char.IsUpper) ? Path.Combine(_home.FullName, a) : a)]);
        Assert.Equal(expected, code);
        Assert.Empty(output);
        Assert.Contains(what, error);
        Assert.Equal(2, error.TrimEnd().Split('\n').Length); // what is wrong, and what to do about it
        Assert.Equal(4, _home.GetFiles().Length);
    }

    string Write(string name, string text)
    {
        var path = Path.Combine(_home.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync(Stream.Null, arguments);

    static async Task<(int Code, string Output, string Error)> RunAsync(Stream input, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var text = Terminal.ForText(output, error, _ => null, width: 200);
        var code = await CommandLine.RunAsync(arguments, new Terminal
        {
            Out = text.Out, Error = text.Error, In = text.In, Screen = text.Screen, Environment = text.Environment, OpenInput = () => input,
        });
        return (code, output.ToString(), error.ToString());
    }
}
