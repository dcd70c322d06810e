using System.CommandLine;
using System.Text.Json.Nodes;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl baseline show|export|allow|deny|overrides|retract</c>: what is normal for one workload.</summary>
static class BaselineCommands
{
    public static Command Create(Session session) => new("baseline", "What is normal for a workload.")
    {
        Show(session),
        Export(session),
        OverrideCommands.Allow(session),
        OverrideCommands.Deny(session),
        OverrideCommands.List(session),
        OverrideCommands.Retract(session),
    };

    static Command Show(Session session)
    {
        var workload = Options.Workload();
        var only = Options.Class("--class", "only behaviours of this class");
        var quarantined = new Option<bool>("--quarantined") { Description = "only what is held back and nobody has allowed or denied" };
        var newIn = Options.Text("--new-in", "only what this version of the image brought: its tag, its digest, or the beginning of one", "VERSION");
        var command = new Command("show", "Every known behaviour with its evidence.") { workload, only, quarantined, newIn };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var model = await collector.Workloads.GetBaselineAsync(new GetWorkloadRequest
            {
                Workload = parsed.GetRequiredValue(workload),
                Only = new BehaviourFilter
                {
                    Class = parsed.GetValue(only),
                    Quarantined = parsed.GetValue(quarantined),
                    NewIn = parsed.GetValue(newIn),
                },
            }, collector.Call(cancellation)).ConfigureAwait(false);
            var behaviours = (model.Evidence?.Behaviours ?? [])
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

    static Command Export(Session session)
    {
        var workload = Options.Workload();
        var command = new Command("export", "The whole baseline as JSON, for `rgctl replay --history WORKLOAD --baseline FILE`.") { workload };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var model = await collector.Workloads.GetBaselineAsync(new GetWorkloadRequest { Workload = parsed.GetRequiredValue(workload) },
                collector.Call(cancellation)).ConfigureAwait(false);
            // The JSON of the wire, so that it reads back whole; through our encoder, so that no name in it acts on a terminal.
            var json = JsonNode.Parse(JsonFormatter.Default.Format(model))!.AsObject();
            JsonText.Write(session.Terminal, Session.Format(parsed) == OutputFormat.JsonLines ? OutputFormat.JsonLines : OutputFormat.Json, json);
        }, quiet: true));
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
