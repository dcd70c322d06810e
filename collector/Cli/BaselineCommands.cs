using System.CommandLine;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl baseline show</c>: what is normal for one workload.</summary>
static class BaselineCommands
{
    static readonly Dictionary<string, BehaviourClass> Classes = Enum.GetValues<BehaviourClass>()
        .Where(behaviourClass => behaviourClass != BehaviourClass.Unspecified).ToDictionary(Words.Of);

    public static Command Create(Session session) => new("baseline", "What is normal for a workload.") { Show(session) };

    static Command Show(Session session)
    {
        var workload = Options.Workload();
        var only = new Option<BehaviourClass>("--class")
        {
            Description = "only behaviours of this class",
            HelpName = string.Join('|', Classes.Keys),
            CustomParser = argument =>
            {
                if (Classes.TryGetValue(argument.Tokens[0].Value, out var found))
                {
                    return found;
                }

                argument.AddError($"--class is one of {string.Join(", ", Classes.Keys)}");
                return BehaviourClass.Unspecified;
            },
        };
        only.CompletionSources.Clear();
        only.CompletionSources.Add([.. Classes.Keys]);
        var command = new Command("show", "Every known behaviour with its evidence.") { workload, only };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var model = await collector.Workloads.GetBaselineAsync(new GetWorkloadRequest { Workload = parsed.GetRequiredValue(workload) },
                collector.Call(cancellation)).ConfigureAwait(false);
            var wanted = parsed.GetValue(only);
            var behaviours = (model.Evidence?.Behaviours ?? []).Where(behaviour => wanted == BehaviourClass.Unspecified || behaviour.Class == wanted)
                .OrderBy(behaviour => behaviour.Class).ThenBy(behaviour => behaviour.Actor, StringComparer.Ordinal)
                .ThenBy(behaviour => behaviour.Object, StringComparer.Ordinal).ToList();
            var terminal = session.Terminal;
            switch (Session.Format(parsed))
            {
                case OutputFormat.Json:
                    JsonText.Write(terminal, OutputFormat.Json, WorkloadJson.Of(model, behaviours));
                    break;
                case OutputFormat.JsonLines:
                    JsonText.WriteList(terminal, OutputFormat.JsonLines, "behaviours", behaviours.Select(WorkloadJson.Of), []);
                    break;
                default:
                    ShowTable(terminal, model, behaviours);
                    break;
            }
        }));
        return command;
    }

    static void ShowTable(Terminal terminal, Model model, List<BehaviourEvidence> behaviours)
    {
        terminal.Out.WriteLine($"{Words.Workload(model.Workload)}: {WorkloadText.Mode(model.Policy)}, {behaviours.Count} behaviours");
        if (behaviours.Count == 0)
        {
            return;
        }

        var sheet = new Sheet("CLASS", "UNITS", "LAST SEEN", "NOTE", "BEHAVIOUR");
        foreach (var behaviour in behaviours)
        {
            var note = behaviour.Quarantined ? $"quarantined {behaviour.Mark}".TrimEnd() : behaviour.Mark;
            sheet.Add(Words.Of(behaviour.Class), $"{behaviour.Units.Count}", Moment.Show(behaviour.LastSeenUnixNs), note,
                $"{behaviour.Actor} -> {behaviour.Object}");
        }

        sheet.Show(terminal);
        terminal.Out.WriteLine("units: container-hours (or runs) it was seen in, counted up to 16");
    }
}
