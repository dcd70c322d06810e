using System.CommandLine;
using RuntimeGuard.Models;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl replay</c>: recorded events through the models, here and now, without a collector; with <c>--history</c>, what a collector kept.</summary>
static class ReplayCommands
{
    const string Schema = """
        EVENTS is a file of JSON lines, a binary recording (rgctl replay record), or - for standard input. A line:
          {"time_unix_ns":1731000000000000000,"node":"n1","namespace":"shop","image":"docker.io/library/nginx:1.25","digest":"",
           "container":{"id":"…","name":"web","pod":"web-1","started_unix_ns":0,"runs_to_completion":false,"secret_mounts":[]},
           "kind":"open","process":{"pid":7,"start_unix_ns":0,"ppid":1,"exe":"/usr/sbin/nginx","args":["nginx"],"uid":0},
           "object":{"path":"/etc/nginx/nginx.conf","path2":"","flags":["failed"],"remote":"10.0.0.5","port":5432,"proto":"tcp",
                     "name":"db.shop.svc","mode":420}}
        LABELS is a file of JSON lines that say where attacks are:
          {"container_id":"…","from_unix_ns":0,"to_unix_ns":0,"technique":"T1059.004","attack":"reverse-shell","incident":"…"}
        """;

    public static Command Create(Session session)
    {
        var events = new Argument<string?>("events")
        {
            Description = "JSON lines or a recording; - is standard input", HelpName = "EVENTS", Arity = ArgumentArity.ZeroOrOne,
        };
        var history = new HistoryReplay(session);
        var trainUntil = Options.Time("--train-until", "events before it train, alarms count from it on", session.Terminal.Clock);
        var trainFraction = new Option<double?>("--train-fraction")
        {
            Description = "the first part of the time (with --split container: of the containers) trains", HelpName = "0..1",
        };
        var split = new Option<string>("--split") { Description = "container: some train, the others are judged", HelpName = "container" };
        split.AcceptOnlyFromAmong("container");
        var alpha = new Option<double?>("--alpha")
        {
            Description = $"alarms per container-day that one event may cost; default {Words.Number(Marks.AlphaNow)}", HelpName = "RATE",
        };
        var labels = Options.Text("--labels", "where the attacks are", "LABELS");
        var ablate = new Option<string[]>("--ablate")
        {
            Description = $"leave a part of the models out, to measure its worth: {Ablation.Names}", HelpName = "NAME",
        };
        ablate.CompletionSources.Clear();
        ablate.CompletionSources.Add([.. Ablation.All.Select(ablation => ablation.Name)]);
        var apart = new Option<bool>("--nodes-apart") { Description = "each node learns alone; merged when training ends" };
        var seed = new Option<ulong>("--seed")
        {
            Description = "chooses containers and orders", HelpName = "N", DefaultValueFactory = _ => 1,
        };
        var command = new Command("replay", $"What the models would have said of recorded events.\n\n{Schema}")
        {
            events, trainUntil, trainFraction, split, alpha, labels, ablate, apart, seed, Record(session.Terminal),
        };
        history.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            if (history.IsWanted(parsed, events, trainUntil, trainFraction, split, alpha, labels, ablate, apart, seed))
                return history.RunAsync(parsed, cancellation);
            var file = parsed.GetValue(events) ?? throw new Failure(ExitCode.Usage, "there is nothing to replay",
                "name a file of EVENTS, or --history WORKLOAD");
            var options = new ReplayOptions
            {
                TrainUntilNs = parsed.GetValue(trainUntil) is var until and > 0 ? until : null,
                TrainFraction = parsed.GetValue(trainFraction),
                SplitByContainer = parsed.GetValue(split) is not null,
                Alpha = parsed.GetValue(alpha),
                Ablations = parsed.GetValue(ablate) ?? [],
                NodesApart = parsed.GetValue(apart),
                Seed = parsed.GetValue(seed),
            };
            Replay(session.Terminal, file, parsed.GetValue(labels)!, options, Session.Format(parsed),
                cancellation);
            return Task.FromResult((int)ExitCode.Ok);
        });
        return command;
    }

    static Command Record(Terminal terminal)
    {
        var events = new Argument<string>("events") { Description = "JSON lines; - is standard input", HelpName = "EVENTS" };
        var file = new Argument<string>("file") { Description = "the recording to write", HelpName = "FILE" };
        var command = new Command("record", "Make a binary recording of JSON lines: a tenth of the size, replayed ten times faster.")
        {
            events, file,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var written = ReplayFile.Record(terminal, parsed.GetRequiredValue(events), parsed.GetRequiredValue(file), cancellation);
            terminal.Out.WriteLine($"{written} events recorded in {SafeText.Of(parsed.GetRequiredValue(file))}");
            return Task.FromResult((int)ExitCode.Ok);
        });
        return command;
    }

    static void Replay(Terminal terminal, string events, string labelFile, ReplayOptions options, OutputFormat format,
        CancellationToken cancellation)
    {
        Checked("", ExitCode.Usage, () => options.ModelOptions());
        var labels = labelFile.Length == 0 ? Labels.None : ReadLabels(labelFile);
        using var file = ReplayFile.Open(terminal, events, cancellation);
        var progress = new ReplayProgress(terminal, cancellation);
        var survey = Checked(events, ExitCode.Error, () => ReplaySurvey.Of(file.Read(), progress.Of("surveyed")));
        var started = terminal.Clock.GetTimestamp();
        // The file was read from end to end: what is wrong from here on is wrong with what was asked.
        var report = Checked("", ExitCode.Usage, () => ReplayRun.Run(file.Read, survey, options, labels, progress.Of("replayed")));
        var seconds = terminal.Clock.GetElapsedTime(started).TotalSeconds;
        progress.Clear();
        if (format == OutputFormat.Table)
            ReplayText.Show(terminal, report);
        else
            JsonText.Write(terminal, format, ReplayJson.Of(report));
        terminal.Error.WriteLine($"replayed {survey.Events} events in {Words.Number(seconds)} s: "
            + $"{Words.Number(survey.Events / seconds)} events/s, {Words.Number(seconds * 1e9 / survey.Events)} ns each");
    }

    static Labels ReadLabels(string path)
    {
        using var stream = ReplayFile.OpenFile(path);
        return Checked(path, ExitCode.Error, () => Labels.Read(stream));
    }

    internal static T Checked<T>(string file, ExitCode code, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (ReplayException error)
        {
            throw new Failure(code, file.Length > 0 ? $"{file}: {error.Message}" : error.Message, error.Remedy);
        }
    }
}
