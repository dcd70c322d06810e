using System.CommandLine;
using System.Text.Json.Nodes;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl replay --history</c>: the collector's own history judged by a candidate baseline.</summary>
sealed class HistoryReplay(Session session)
{
    const string Current = "current";
    /// <summary>A model on the wire has at most 8 MB; as JSON a few times that.</summary>
    const long LargestFile = 64 << 20;

    readonly Option<Workload?> _history = Options.WorkloadOf("--history", "judge what the collector keeps of this workload, instead of EVENTS");
    readonly Option<string> _baseline = new("--baseline")
    {
        Description = "with --history: the candidate, a file of `rgctl baseline export`, or the current baseline as if locked now",
        HelpName = $"FILE|{Current}", DefaultValueFactory = _ => Current,
    };
    readonly Option<long> _since = Options.Time("--since", "with --history: from this time on; default: 24h", session.Terminal.Clock);
    readonly Option<long> _until = Options.Time("--until", "with --history: up to this time; default: now", session.Terminal.Clock);

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _history, _baseline, _since, _until })
            command.Add(option);
    }

    /// <summary>Whether history is asked for.</summary>
    /// <exception cref="Failure">What was asked for belongs to the other of the two.</exception>
    public bool IsWanted(ParseResult parsed, Argument events, params Option[] ofEvents)
    {
        var isWanted = parsed.GetValue(_history) is not null;
        if (isWanted && parsed.GetResult(events) is { Tokens.Count: > 0 })
            throw new Failure(ExitCode.Usage, "EVENTS and --history are two things to replay", "name one of them");
        var foreign = (isWanted ? ofEvents : [_baseline, _since, _until])
            .FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false });
        if (foreign is not null)
            throw new Failure(ExitCode.Usage, isWanted
                ? $"{foreign.Name} is for recorded events: history keeps behaviours and their counts, not what a score is made of"
                : $"{foreign.Name} is for --history", "leave it out");
        return isWanted;
    }

    public Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation) => session.Asking(async (collector, options, stop) =>
    {
        var name = options.GetRequiredValue(_baseline);
        var answer = await collector.Workloads.WouldFireAsync(new WouldFireRequest
        {
            Workload = options.GetValue(_history),
            Candidate = name == Current ? null : Read(name),
            FromUnixNs = options.GetValue(_since),
            ToUnixNs = options.GetValue(_until),
            // A day of a large history may take a minute; Ctrl-C ends it.
        }, collector.Stream(stop)).ConfigureAwait(false);
        if (Session.Format(options) == OutputFormat.Table)
            Show(session.Terminal, answer);
        else
            Write(session.Terminal, Session.Format(options), answer);
    })(parsed, cancellation);

    static Model Read(string path)
    {
        const string remedy = "write one with: rgctl baseline export WORKLOAD > FILE";
        try
        {
            if (new FileInfo(path).Length > LargestFile)
                throw new Failure(ExitCode.Error, $"{path}: larger than the {LargestFile >> 20} MB a baseline may have", remedy);
            return Model.Parser.ParseJson(File.ReadAllText(path));
        }
        catch (Exception error) when (error is InvalidJsonException or InvalidProtocolBufferException)
        {
            throw new Failure(ExitCode.Error, $"{path}: no exported baseline: {error.Message}", remedy);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Error, error.Message, remedy);
        }
    }

    static void Show(Terminal terminal, WouldFireResponse answer)
    {
        terminal.Out.WriteLine(answer.Firings.Count == 0
            ? "would have fired: 0"
            : $"would have fired: {answer.Firings.Count}, here they are");
        if (answer.Firings.Count > 0)
        {
            var sheet = new Sheet("CLASS", "COUNT", "FIRST", "LAST", "CONTAINERS", "WHY", "BEHAVIOUR", "EXAMPLE");
            foreach (var firing in answer.Firings)
            {
                sheet.Add(Words.Of(firing.Class), $"{firing.Count}", Moment.Show(firing.FirstUnixNs), Moment.Show(firing.LastUnixNs),
                    $"{firing.Containers}", firing.Denied ? "denied" : "new", firing.Behaviour,
                    $"{firing.Example} in {Words.ContainerId(firing.ExampleContainer)} on {firing.Node}");
            }

            sheet.Show(terminal);
        }

        terminal.Out.WriteLine($"searched {Moment.Show(answer.SearchedFromUnixNs)} to {Moment.Show(answer.SearchedToUnixNs)}: "
            + $"{answer.Occurrences} occurrences; {answer.KnownBehaviours} of the behaviours are known or allowed");
        if (answer.Partial)
            terminal.Out.WriteLine($"this is not all: {SafeText.Of(answer.PartialReason)}; ask for less with --since and --until");
        CoverageText.Show(terminal, answer.Coverage);
    }

    static void Write(Terminal terminal, OutputFormat format, WouldFireResponse answer)
    {
        if (answer.Partial && format == OutputFormat.JsonLines)
            terminal.Error.WriteLine($"rgctl: this is not all: {SafeText.Of(answer.PartialReason)}");
        JsonText.WriteList(terminal, format, "firings", answer.Firings.Select(firing => new JsonObject
        {
            ["class"] = Words.Of(firing.Class),
            ["behaviour"] = firing.Behaviour,
            ["denied"] = firing.Denied,
            ["count"] = firing.Count,
            ["first_unix_ns"] = firing.FirstUnixNs,
            ["last_unix_ns"] = firing.LastUnixNs,
            ["containers"] = firing.Containers,
            ["example"] = firing.Example,
            ["example_container"] = firing.ExampleContainer,
            ["node"] = firing.Node,
        }), new()
        {
            ["known_behaviours"] = answer.KnownBehaviours,
            ["occurrences"] = answer.Occurrences,
            ["searched_from_unix_ns"] = answer.SearchedFromUnixNs,
            ["searched_to_unix_ns"] = answer.SearchedToUnixNs,
            ["partial"] = answer.Partial,
            ["partial_reason"] = answer.PartialReason,
            ["coverage"] = CoverageText.Json(answer.Coverage),
        });
    }
}
