using System.CommandLine;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl alerts allow|deny</c>: an alert decided, and what it is about with it.</summary>
static class AlertDecisionCommands
{
    public static Command Allow(Session session) => Decide(session, "allow", OverrideKind.Allow,
        "Say that what an alert is about is normal, and set the alert to allowed.");

    public static Command Deny(Session session) => Decide(session, "deny", OverrideKind.Deny,
        "Say that what an alert is about is never normal, and set the alert to denied.");

    static Command Decide(Session session, string name, OverrideKind kind, string description)
    {
        var id = new Argument<string>("alert") { Description = "an alert's id, or the beginning of one" };
        var member = new Option<int>("--member")
        {
            Description = "its anomaly of this number, as `rgctl alerts show` numbers them; default: its worst", HelpName = "N",
        };
        member.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--member is 1 or more");
            }
        });
        var thisVersion = new Option<bool>("--this-version") { Description = "only in the version of the image the anomaly came with" };
        var options = new OverrideOptions();
        var command = new Command(name, description) { id, member, thisVersion };
        options.AddTo(command);
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var scope = options.Scope(parsed);
            var (actor, target) = (parsed.GetValue(options.Actor)!, parsed.GetValue(options.Object)!);
            if (scope != OverrideScope.Pattern && actor.Length + target.Length > 0)
            {
                throw new Failure(ExitCode.Usage, "--actor and --object widen a pattern", "say --scope pattern");
            }

            var answer = await collector.Alerts.DecideAsync(new DecideAlertRequest
            {
                Id = parsed.GetRequiredValue(id),
                Member = parsed.GetValue(member),
                Kind = kind,
                Scope = scope,
                ThisVersion = parsed.GetValue(thisVersion),
                WholeNamespace = options.WholeNamespace(parsed),
                DurationSeconds = options.Seconds(parsed),
                Reason = parsed.GetRequiredValue(options.Reason),
                Actor = actor,
                Object = target,
            }, collector.Call(cancellation)).ConfigureAwait(false);
            if (Session.Format(parsed) == OutputFormat.Table)
            {
                session.Terminal.Out.WriteLine($"alert {SafeText.Of(answer.Alert.Id)} is {Words.Of(answer.Alert.State)}");
                OverrideText.ShowSet(session.Terminal, answer.Override, answer.Reach);
                return;
            }

            var fields = OverrideText.Json(answer.Override);
            fields["reach"] = OverrideText.Json(answer.Reach);
            fields["alert"] = AlertJson.Of(answer.Alert);
            JsonText.Write(session.Terminal, Session.Format(parsed), fields);
        }));
        return command;
    }
}
