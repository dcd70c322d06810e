using System.CommandLine;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl workloads list|show|learn|extend|lock|unlock|freeze</c>.</summary>
static class WorkloadCommands
{
    public static Command Create(Session session) => new("workloads", "What runs, and how far its model is.")
    {
        List(session),
        Show(session),
        Learn(session),
        Extend(session),
        Lock(session),
        Unlock(session),
        Freeze(session),
    };

    static Command List(Session session)
    {
        var ns = Options.Text("--namespace", "of this namespace", "NAME");
        var image = Options.Text("--image", "whose image contains this", "TEXT");
        var command = new Command("list", "All workloads.") { ns, image };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var (workloads, _) = await Pages.ReadAsync<WorkloadSummary>("", int.MaxValue, async (from, _) =>
            {
                var page = await collector.Workloads.ListAsync(
                    new ListWorkloadsRequest { Namespace = parsed.GetValue(ns), Image = parsed.GetValue(image), Cursor = from },
                    collector.Call(cancellation)).ConfigureAwait(false);
                return (page.Workloads, page.NextCursor);
            }).ConfigureAwait(false);
            var terminal = session.Terminal;
            if (Session.Format(parsed) != OutputFormat.Table)
            {
                JsonText.WriteList(terminal, Session.Format(parsed), "workloads", workloads.Select(WorkloadJson.Of), []);
                return;
            }

            if (workloads.Count == 0)
            {
                terminal.Out.WriteLine("no workloads; a container that starts on a watched node appears here within seconds");
                return;
            }

            var sheet = new Sheet("WORKLOAD", "MODE", "UNTIL", "RUNNING", "NODES", "BEHAVIOURS", "OPEN ALERTS", "LAST SEEN", "REVIEW");
            foreach (var workload in workloads)
            {
                sheet.Add(Words.Workload(workload.Workload), WorkloadText.Mode(workload.Policy), WorkloadText.Until(workload.Policy),
                    $"{workload.Containers}", string.Join(' ', workload.Nodes), $"{workload.Behaviours}", $"{workload.OpenAlerts}",
                    Moment.Show(workload.LastSeenUnixNs), WorkloadText.Review(workload));
            }

            sheet.Show(terminal);
        }));
        return command;
    }

    static Command Show(Session session)
    {
        var workload = Options.Workload();
        var command = new Command("show", "One workload: its learning per class, containers, versions and audit trail.") { workload };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var detail = await GetAsync(collector, parsed.GetRequiredValue(workload), cancellation).ConfigureAwait(false);
            if (Session.Format(parsed) == OutputFormat.Table)
            {
                WorkloadText.Show(session.Terminal, detail);
            }
            else
            {
                JsonText.Write(session.Terminal, Session.Format(parsed), WorkloadJson.Of(detail));
            }
        }));
        return command;
    }

    static Command Learn(Session session)
    {
        var workload = Options.Workload();
        var duration = Options.Span("--duration", "learn this long; default: the collector's");
        var reset = new Option<bool>("--reset") { Description = "forget what was learned before" };
        var reason = Reason();
        var command = new Command("learn", "Learn (again): new behaviour becomes normal until the time is over.") { workload, duration, reset, reason };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var detail = await GetAsync(collector, parsed.GetRequiredValue(workload), cancellation).ConfigureAwait(false);
            var changed = await collector.Workloads.LearnAsync(new LearnRequest
            {
                Workload = detail.Summary.Workload,
                DurationSeconds = parsed.GetValue(duration),
                Reset = parsed.GetValue(reset),
                Reason = parsed.GetValue(reason),
            }, collector.Call(cancellation)).ConfigureAwait(false);
            ShowChange(session.Terminal, Session.Format(parsed), changed);
        }));
        return command;
    }

    static Command Extend(Session session)
    {
        var workload = Options.Workload();
        var duration = Options.Span("--for", "learn this much longer");
        duration.Required = true;
        var reason = Reason();
        var command = new Command("extend", "Prolong the learning time; what was locked or frozen by hand stays so.") { workload, duration, reason };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var detail = await GetAsync(collector, parsed.GetRequiredValue(workload), cancellation).ConfigureAwait(false);
            var changed = await collector.Workloads.ExtendAsync(new ExtendRequest
            {
                Workload = detail.Summary.Workload,
                DurationSeconds = parsed.GetValue(duration),
                Reason = parsed.GetValue(reason),
            }, collector.Call(cancellation)).ConfigureAwait(false);
            ShowChange(session.Terminal, Session.Format(parsed), changed);
        }));
        return command;
    }

    static Command Lock(Session session) => Change(session, "lock",
        "Lock: from now on every new program, peer, port and permission of it alerts.",
        (collector, change, options) => collector.Workloads.LockAsync(
            new LockRequest { Workload = change.Workload, Reason = change.Reason, Classes = { change.Classes } }, options).ResponseAsync);

    static Command Unlock(Session session) => Change(session, "unlock",
        "Take a lock or a freeze back: learn again, until locked by hand.",
        (collector, change, options) => collector.Workloads.UnlockAsync(
            new UnlockRequest { Workload = change.Workload, Reason = change.Reason, Classes = { change.Classes } }, options).ResponseAsync);

    static Command Freeze(Session session) => Change(session, "freeze",
        "Stop learning without asserting that nothing new is expected: what is new is judged by its score.",
        (collector, change, options) => collector.Workloads.FreezeAsync(
            new FreezeRequest { Workload = change.Workload, Reason = change.Reason, Classes = { change.Classes } }, options).ResponseAsync);

    sealed record Changing(Workload Workload, string Reason, BehaviourClass[] Classes);

    static Command Change(Session session, string name, string description,
        Func<Collector, Changing, Grpc.Core.CallOptions, Task<WorkloadSummary>> change)
    {
        var workload = Options.Workload();
        var reason = Reason();
        var classes = Options.Classes($"{name} these classes alone; default: the workload");
        var command = new Command(name, description) { workload, classes, reason };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var detail = await GetAsync(collector, parsed.GetRequiredValue(workload), cancellation).ConfigureAwait(false);
            var changed = await change(collector,
                new Changing(detail.Summary.Workload, parsed.GetValue(reason)!, parsed.GetValue(classes) ?? []), collector.Call(cancellation))
                .ConfigureAwait(false);
            ShowChange(session.Terminal, Session.Format(parsed), changed);
        }));
        return command;
    }

    /// <summary>Which workload is meant is asked first, so that a change is never made to a guess.</summary>
    internal static async Task<WorkloadDetail> GetAsync(Collector collector, Workload workload, CancellationToken cancellation) =>
        await collector.Workloads.GetAsync(new GetWorkloadRequest { Workload = workload }, collector.Call(cancellation)).ConfigureAwait(false);

    static void ShowChange(Terminal terminal, OutputFormat format, WorkloadSummary changed)
    {
        if (format == OutputFormat.Table)
        {
            terminal.Out.WriteLine(WorkloadText.Sentence(changed));
        }
        else
        {
            JsonText.Write(terminal, format, WorkloadJson.Of(changed));
        }
    }

    static Option<string> Reason() => Options.Text("--reason", "kept in the audit trail", "TEXT");
}
