using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl baseline allow|deny|overrides|retract</c>: a person's word over what was learned.</summary>
static class OverrideCommands
{
    public static Command Allow(Session session) => Say(session, "allow", OverrideKind.Allow,
        "Say that a behaviour is normal, whatever was learned. Only the behaviour itself silences a critical rule.");

    public static Command Deny(Session session) => Say(session, "deny", OverrideKind.Deny,
        "Say that a behaviour is never normal: it alerts in every state and is never learned.");

    static Command Say(Session session, string name, OverrideKind kind, string description)
    {
        var workload = Options.Workload();
        var only = Options.Class("--class", "the class of the behaviour");
        var key = new Option<ulong>("--key")
        {
            Description = "the behaviour's key, as `rgctl baseline show -o json` has it, instead of actor and object",
            HelpName = "HEX",
            CustomParser = argument =>
            {
                if (ulong.TryParse(argument.Tokens[0].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var parsed) && parsed != 0)
                {
                    return parsed;
                }

                argument.AddError($"--key: '{SafeText.Of(argument.Tokens[0].Value, 40)}' is no key of 16 hexadecimal digits");
                return 0;
            },
        };
        var version = Options.Text("--version", "only in this version of the image, as `rgctl workloads show` names it", "TAG@DIGEST");
        var options = new OverrideOptions();
        var command = new Command(name, description) { workload, only, key, version };
        options.AddTo(command);
        only.Required = true;
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var (actor, target) = (parsed.GetValue(options.Actor)!, parsed.GetValue(options.Object)!);
            var scope = options.Scope(parsed);
            if (scope == OverrideScope.Unspecified)
            {
                scope = actor.Contains('*', StringComparison.Ordinal) || target.Contains('*', StringComparison.Ordinal)
                    ? OverrideScope.Pattern : OverrideScope.Behaviour;
            }

            if (scope != OverrideScope.Class && parsed.GetValue(key) == 0 && (actor.Length == 0 || target.Length == 0))
            {
                throw new Failure(ExitCode.Usage, "which behaviour is not said",
                    "give --actor and --object, or --key; all of the class is --scope class");
            }

            var detail = await WorkloadCommands.GetAsync(collector, parsed.GetRequiredValue(workload), cancellation).ConfigureAwait(false);
            var answer = await collector.Workloads.SetOverrideAsync(new SetOverrideRequest
            {
                Workload = detail.Summary.Workload,
                Override = new Override
                {
                    Kind = kind,
                    Scope = scope,
                    Class = parsed.GetRequiredValue(only),
                    Key = scope == OverrideScope.Behaviour ? parsed.GetValue(key) : 0,
                    Actor = actor,
                    Object = target,
                    Version = parsed.GetValue(version),
                    WholeNamespace = options.WholeNamespace(parsed),
                    Reason = parsed.GetRequiredValue(options.Reason),
                },
                DurationSeconds = options.Seconds(parsed),
            }, collector.Call(cancellation)).ConfigureAwait(false);
            if (Session.Format(parsed) == OutputFormat.Table)
            {
                OverrideText.ShowSet(session.Terminal, answer.Override, answer.Reach);
                return;
            }

            var fields = OverrideText.Json(answer.Override);
            fields["reach"] = OverrideText.Json(answer.Reach);
            JsonText.Write(session.Terminal, Session.Format(parsed), fields);
        }));
        return command;
    }

    public static Command List(Session session)
    {
        var workload = Options.Workload();
        var command = new Command("overrides", "What people allowed and denied of a workload.") { workload };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var detail = await WorkloadCommands.GetAsync(collector, parsed.GetRequiredValue(workload), cancellation).ConfigureAwait(false);
            var overrides = detail.Summary.Policy.Overrides;
            if (Session.Format(parsed) != OutputFormat.Table)
            {
                JsonText.WriteList(session.Terminal, Session.Format(parsed), "overrides", overrides.Select(OverrideText.Json), []);
                return;
            }

            if (overrides.Count == 0)
            {
                session.Terminal.Out.WriteLine($"nothing was allowed or denied of {Words.Workload(detail.Summary.Workload)}");
                return;
            }

            var sheet = new Sheet("OVERRIDE", "KIND", "REACH", "UNTIL", "BY", "BEHAVIOUR", "REASON");
            foreach (var one in overrides)
            {
                sheet.Add(one.Id, Words.Of(one.Kind), one.WholeNamespace ? "namespace" : one.Version.Length > 0 ? $"version {one.Version}" : "workload",
                    one.ExpiresUnixNs > 0 ? Moment.Show(one.ExpiresUnixNs) : "for ever", one.CreatedBy, OverrideText.What(one), one.Reason);
            }

            sheet.Show(session.Terminal);
        }));
        return command;
    }

    public static Command Retract(Session session)
    {
        var workload = Options.Workload();
        var id = new Argument<string>("override") { Description = "its id, or the beginning of it" };
        var reason = new Option<string>("--reason") { Description = "kept in the audit trail", HelpName = "TEXT", Required = true };
        var command = new Command("retract", "Take back what was allowed or denied; of a whole namespace, everywhere.") { workload, id, reason };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var detail = await WorkloadCommands.GetAsync(collector, parsed.GetRequiredValue(workload), cancellation).ConfigureAwait(false);
            var answer = await collector.Workloads.RemoveOverrideAsync(new RemoveOverrideRequest
            {
                Workload = detail.Summary.Workload,
                Id = parsed.GetRequiredValue(id),
                Reason = parsed.GetRequiredValue(reason),
            }, collector.Call(cancellation)).ConfigureAwait(false);
            if (Session.Format(parsed) == OutputFormat.Table)
            {
                session.Terminal.Out.WriteLine($"retracted from {answer.Workloads} {(answer.Workloads == 1 ? "workload" : "workloads")}: " +
                    $"{OverrideText.Sentence(answer.Override)}");
                return;
            }

            JsonText.Write(session.Terminal, Session.Format(parsed), new JsonObject
            {
                ["override"] = OverrideText.Json(answer.Override),
                ["workloads"] = answer.Workloads,
            });
        }));
        return command;
    }
}
