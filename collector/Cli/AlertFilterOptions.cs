using System.CommandLine;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>The options that choose alerts, the same for a list and a watch.</summary>
sealed class AlertFilterOptions(TimeProvider clock)
{
    static readonly Dictionary<string, AlertState> States = Enum.GetValues<AlertState>()
        .Where(state => state != AlertState.Unspecified).ToDictionary(Words.Of);

    readonly Option<string> _namespace = Options.Text("--namespace", "of this namespace", "NAME");
    readonly Option<string> _image = Options.Text("--image", "of this image repository", "IMAGE");
    readonly Option<string> _container = Options.Text("--container", "container id (or its beginning) or name", "CONTAINER");
    readonly Option<string> _node = Options.Text("--node", "on this node", "NODE");
    readonly Option<long> _since = Options.Time("--since", "from this time on: RFC 3339, or 15m, 24h, 7d ago", clock);
    readonly Option<long> _until = Options.Time("--until", "up to this time", clock);
    readonly Option<double> _maxScore = new("--max-score")
    {
        Description = "only those at most this usual, in benign occurrences per container-day",
        HelpName = "SCORE",
    };
    readonly Option<string> _foldedInto = Options.Text("--folded-into", "the incidents folded into this fleet's alert: its full id", "ALERT");
    readonly Option<AlertState> _state = CreateState();

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _namespace, _image, _container, _node, _since, _until, _state, _maxScore, _foldedInto })
        {
            command.Add(option);
        }
    }

    public AlertFilter Read(ParseResult parsed) => new()
    {
        Namespace = parsed.GetValue(_namespace),
        Image = parsed.GetValue(_image),
        Container = parsed.GetValue(_container),
        Node = parsed.GetValue(_node),
        SinceUnixNs = parsed.GetValue(_since),
        UntilUnixNs = parsed.GetValue(_until),
        State = parsed.GetValue(_state),
        MaxScore = parsed.GetValue(_maxScore),
        FoldedInto = parsed.GetValue(_foldedInto) ?? "",
    };

    static Option<AlertState> CreateState()
    {
        var option = new Option<AlertState>("--state")
        {
            Description = "only those in this state",
            HelpName = string.Join('|', States.Keys),
            CustomParser = argument =>
            {
                if (States.TryGetValue(argument.Tokens[0].Value, out var state))
                {
                    return state;
                }

                argument.AddError($"--state is one of {string.Join(", ", States.Keys)}");
                return AlertState.Unspecified;
            },
        };
        option.CompletionSources.Clear();
        option.CompletionSources.Add([.. States.Keys]);
        return option;
    }
}
