using System.CommandLine;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>How far a person's word on a behaviour reaches: the options that an alert's and a baseline's commands share.</summary>
sealed class OverrideOptions
{
    readonly Option<OverrideScope> _scope = Options.Named<OverrideScope>("--scope",
        "this behaviour alone, all that a pattern covers, or all of its class", OverrideScope.Unspecified);
    readonly Option<bool> _namespaceWide = new("--namespace-wide")
    {
        Description = "for every workload of the namespace, those to come too",
    };
    readonly Option<long> _for = Options.Span("--for", "how long it holds; default: for ever");

    public Option<string> Reason { get; } = new("--reason")
    {
        Description = "kept with it and in the audit trail", HelpName = "TEXT", Required = true,
    };

    public Option<string> Actor { get; } = Options.Text("--actor", "who does it; in a pattern, * stands for anything", "ACTOR");

    public Option<string> Object { get; } = Options.Text("--object", "to what; in a pattern, * stands for anything", "OBJECT");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _scope, Actor, Object, _namespaceWide, _for, Reason })
        {
            command.Add(option);
        }
    }

    public OverrideScope Scope(ParseResult parsed) => parsed.GetValue(_scope);

    public bool WholeNamespace(ParseResult parsed) => parsed.GetValue(_namespaceWide);

    public long Seconds(ParseResult parsed) => parsed.GetValue(_for);
}
