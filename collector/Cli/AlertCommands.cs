using System.CommandLine;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl alerts list|watch|show|allow|deny</c>.</summary>
static class AlertCommands
{
    const int DefaultAlerts = 100;
    const int DefaultMembers = 1000;

    public static Command Create(Session session) => new("alerts", "What departed from its baseline.")
    {
        List(session),
        Watch(session),
        Show(session),
        AlertDecisionCommands.Allow(session),
        AlertDecisionCommands.Deny(session),
    };

    static Command List(Session session)
    {
        var filter = new AlertFilterOptions(session.Terminal.Clock);
        var limit = Options.Limit(1000, "at most this many; default 100");
        var worst = new Option<bool>("--worst-first") { Description = "most unusual first, instead of newest first" };
        var cursor = Options.Text("--cursor", "go on where an earlier answer ended", "CURSOR");
        var command = new Command("list", "Alerts, newest first.") { limit, worst, cursor };
        filter.AddTo(command);
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            ListAlertsResponse? first = null;
            var wanted = parsed.GetValue(limit) is > 0 and var given ? given : DefaultAlerts;
            var (alerts, next) = await Pages.ReadAsync<Alert>(parsed.GetValue(cursor) ?? "", wanted, async (from, most) =>
            {
                var answer = await collector.Alerts.ListAsync(new ListAlertsRequest
                {
                    Filter = filter.Read(parsed),
                    Limit = most,
                    WorstFirst = parsed.GetValue(worst),
                    Cursor = from,
                }, collector.Call(cancellation)).ConfigureAwait(false);
                first ??= answer;
                return (answer.Alerts, answer.NextCursor);
            }).ConfigureAwait(false);
            ShowList(session.Terminal, Session.Format(parsed),
                new ListAlertsResponse { Alerts = { alerts }, NextCursor = next, Coverage = first?.Coverage });
        }));
        return command;
    }

    static void ShowList(Terminal terminal, OutputFormat format, ListAlertsResponse answer)
    {
        if (format != OutputFormat.Table)
        {
            JsonText.WriteList(terminal, format, "alerts", answer.Alerts.Select(AlertJson.Of),
                new() { ["next_cursor"] = answer.NextCursor, ["coverage"] = CoverageText.Json(answer.Coverage) });
            return;
        }

        if (answer.Alerts.Count == 0)
        {
            terminal.Out.WriteLine("no alerts");
        }
        else
        {
            var sheet = new Sheet("ALERT", "LAST", "STATE", "WORKLOAD", "UNUSUAL", "COUNT", "WHAT");
            foreach (var alert in answer.Alerts)
            {
                var worst = alert.Worst ?? new Anomaly();
                sheet.Add(alert.Id, Moment.Show(alert.LastUnixNs), Words.Of(alert.State), Words.Workload(worst.Container?.Workload),
                    Unusual(alert.Kind, worst), $"{alert.Count}", GroupText.Headline(alert));
            }

            sheet.Show(terminal);
        }

        CoverageText.Show(terminal, answer.Coverage);
        if (answer.NextCursor.Length > 0)
        {
            terminal.Out.WriteLine($"there are more: --cursor {SafeText.Of(answer.NextCursor)}");
        }
    }

    static string Unusual(AlertKind kind, Anomaly worst) => kind == AlertKind.Drift ? "drift"
        : worst.Rule.Length > 0 ? "critical" : Words.Number(worst.Explanation?.Score ?? double.NaN);

    static Command Watch(Session session)
    {
        var filter = new AlertFilterOptions(session.Terminal.Clock);
        var backlog = new Option<bool>("--backlog") { Description = "first show the alerts that are there already" };
        var command = new Command("watch", "Alerts as they arrive, explained; ends with Ctrl-C.") { backlog };
        filter.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var watch = new AlertWatch(session, Session.Format(parsed), filter.Read(parsed), parsed.GetValue(backlog));
            return await watch.RunAsync(cancellation).ConfigureAwait(false);
        });
        return command;
    }

    static Command Show(Session session)
    {
        var id = new Argument<string>("alert") { Description = "an alert's id, or the beginning of one" };
        var limit = Options.Limit(100_000, "at most this many of its anomalies; default 1000");
        var command = new Command("show", "One alert with everything it is made of.") { id, limit };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            AlertDetail? first = null;
            var wanted = parsed.GetValue(limit) is > 0 and var given ? given : DefaultMembers;
            var (members, next) = await Pages.ReadAsync<Anomaly>("", wanted, async (from, _) =>
            {
                var page = await collector.Alerts.GetAsync(new GetAlertRequest { Id = parsed.GetValue(id), Cursor = from },
                    collector.Call(cancellation)).ConfigureAwait(false);
                first ??= page;
                return (page.Members, page.NextCursor);
            }).ConfigureAwait(false);
            // By the clock of the node: what waited in its spool comes to the collector later than what came after it. The
            // numbers are those of the order they were received in, which `alerts allow --member` takes.
            var shown = members.Take(wanted).Select((member, index) => (Number: index + 1, Anomaly: member))
                .OrderBy(member => member.Anomaly.TimeUnixNs).ToList();
            ShowDetail(session.Terminal, Session.Format(parsed), new AlertDetail
            {
                Alert = first!.Alert,
                Coverage = first.Coverage,
                NextCursor = members.Count > wanted ? "cut" : next,
            }, shown);
        }));
        return command;
    }

    static void ShowDetail(Terminal terminal, OutputFormat format, AlertDetail detail, List<(int Number, Anomaly Anomaly)> members)
    {
        if (format != OutputFormat.Table)
        {
            var fields = AlertJson.Of(detail.Alert);
            fields["members_cut"] = detail.NextCursor.Length > 0;
            fields["members"] = new System.Text.Json.Nodes.JsonArray([.. members.Select(member => AlertJson.OfMember(member.Number, member.Anomaly))]);
            fields["coverage"] = CoverageText.Json(detail.Coverage);
            JsonText.Write(terminal, format, fields);
            return;
        }

        AlertText.Show(terminal, detail.Alert);
        terminal.Out.WriteLine();
        if (detail.Alert.Kind == AlertKind.Drift)
        {
            CoverageText.Show(terminal, detail.Coverage);
            return;
        }

        var sheet = new Sheet("NO", "TIME", "KIND", "PID", "UNUSUAL", "WHAT");
        foreach (var (number, member) in members)
        {
            sheet.Add($"{number}", Moment.ShowPrecise(member.TimeUnixNs), Words.Of(member.Kind), $"{member.Process?.Pid ?? 0}",
                member.Rule.Length > 0 ? member.Rule : Words.Number(member.Explanation?.Score ?? double.NaN), AlertText.Headline(member));
        }

        sheet.Show(terminal);
        if (detail.NextCursor.Length > 0)
        {
            terminal.Out.WriteLine($"the first {members.Count} of {detail.Alert.Count} anomalies; more with --limit");
        }
        else if ((ulong)members.Count < detail.Alert.Count)
        {
            terminal.Out.WriteLine($"{members.Count} of {detail.Alert.Count} anomalies are kept");
        }

        CoverageText.Show(terminal, detail.Coverage);
    }
}
