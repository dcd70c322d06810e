using System.CommandLine;
using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl nodes list|show</c>: who watches, and what each node cannot see.</summary>
static class NodeCommands
{
    public static Command Create(Session session) => new("nodes", "Who watches, and what each cannot see.") { List(session), Show(session) };

    static Command List(Session session)
    {
        var command = new Command("list", "All nodes.");
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var (nodes, _) = await Pages.ReadAsync<NodeStatus>("", int.MaxValue, async (from, _) =>
            {
                var page = await collector.Nodes.ListAsync(new ListNodesRequest { Cursor = from }, collector.Call(cancellation))
                    .ConfigureAwait(false);
                return (page.Nodes, page.NextCursor);
            }).ConfigureAwait(false);
            var terminal = session.Terminal;
            if (Session.Format(parsed) != OutputFormat.Table)
            {
                JsonText.WriteList(terminal, Session.Format(parsed), "nodes", nodes.Select(Json), []);
                return;
            }

            if (nodes.Count == 0)
            {
                terminal.Out.WriteLine("no nodes; enrol one with: rgctl admin join-token, then install.sh --agent-only");
                return;
            }

            var sheet = new Sheet("NODE", "STATE", "SINCE", "LAST HEARD", "CONTAINERS", "BLIND TO", "LOST", "KERNEL");
            foreach (var node in nodes)
            {
                sheet.Add(node.Node, node.State, Moment.Show(node.ConnectedSinceUnixNs), Moment.Show(node.LastHeardUnixNs),
                    $"{node.Heartbeat?.Containers.Count ?? 0}", Blind(node), $"{Lost(node)}", node.Hello?.Kernel ?? "");
            }

            sheet.Show(terminal);
        }));
        return command;
    }

    static Command Show(Session session)
    {
        var name = new Argument<string>("node") { Description = "the node's name" };
        var command = new Command("show", "One node: what it sees by which hook, its counters, its gaps.") { name };
        command.SetAction(session.Asking(async (collector, parsed, cancellation) =>
        {
            var node = await collector.Nodes.GetAsync(new GetNodeRequest { Node = parsed.GetValue(name) }, collector.Call(cancellation))
                .ConfigureAwait(false);
            if (Session.Format(parsed) == OutputFormat.Table)
            {
                ShowNode(session.Terminal, node);
            }
            else
            {
                JsonText.Write(session.Terminal, Session.Format(parsed), Json(node));
            }
        }));
        return command;
    }

    static void ShowNode(Terminal terminal, NodeStatus node)
    {
        var hello = node.Hello ?? new Hello();
        var heartbeat = node.Heartbeat ?? new Heartbeat();
        terminal.Out.WriteLine($"{SafeText.Of(node.Node)} is {SafeText.Of(node.State)}, last heard {Moment.Show(node.LastHeardUnixNs)}");
        terminal.Out.WriteLine($"  agent {SafeText.Of(hello.Version)} started {Moment.Show(hello.StartedUnixNs)}, kernel {SafeText.Of(hello.Kernel)}"
            + (hello.Runtime.Length > 0 ? $", runtime {SafeText.Of(hello.Runtime)}" : ""));
        terminal.Out.WriteLine($"  enrolled {Moment.Show(node.EnrolledUnixNs)}, certificate until {Moment.Show(node.CertificateExpiresUnixNs)}");
        terminal.Out.WriteLine($"  memory {heartbeat.RssAnonBytes / 1024 / 1024} MB and rings {heartbeat.RingBytes / 1024 / 1024} MB, spooled {heartbeat.SpooledBytes / 1024} KB, "
            + $"committed {node.AnomaliesCommitted} anomalies and {node.RecordsCommitted} records");
        terminal.Out.WriteLine();
        var events = new Sheet("EVENT", "SEEN BY");
        foreach (var capability in hello.Capabilities)
        {
            events.Add(capability.Event, capability.Hook.Length > 0 ? capability.Hook : $"blind: {capability.BlindReason}");
        }

        events.Show(terminal);
        terminal.Out.WriteLine();
        var counters = new Sheet("COUNTER", "CLASS", "VALUE");
        foreach (var counter in heartbeat.Counters.Where(counter => counter.Value > 0))
        {
            counters.Add(counter.Name, counter.EventClass, $"{counter.Value}");
        }

        counters.Show(terminal);
        if (CoverageText.Lost(node.Losses) is { Length: > 0 } lost)
        {
            terminal.Out.WriteLine($"lost in the last 24 h: {lost}");
        }

        foreach (var gap in node.RecentGaps)
        {
            terminal.Out.WriteLine($"{(gap.Blind ? "blind" : "partial")} {Moment.Show(gap.FromUnixNs)} to {Moment.Show(gap.ToUnixNs)}: {SafeText.Of(gap.Reason, 200)}");
        }
    }

    static string Blind(NodeStatus node) =>
        string.Join(' ', (node.Hello?.Capabilities ?? []).Where(capability => capability.Hook.Length == 0).Select(capability => capability.Event));

    /// <summary>Events lost in the last 24 hours.</summary>
    static ulong Lost(NodeStatus node) => node.Losses.Aggregate(0ul, (sum, loss) => sum + Math.Min(loss.Count, int.MaxValue));

    static JsonObject Json(NodeStatus node) => new()
    {
        ["node"] = node.Node,
        ["state"] = node.State,
        ["connected_since_unix_ns"] = node.ConnectedSinceUnixNs,
        ["last_heard_unix_ns"] = node.LastHeardUnixNs,
        ["enrolled_unix_ns"] = node.EnrolledUnixNs,
        ["certificate_expires_unix_ns"] = node.CertificateExpiresUnixNs,
        ["agent_version"] = node.Hello?.Version ?? "",
        ["agent_started_unix_ns"] = node.Hello?.StartedUnixNs ?? 0,
        ["kernel"] = node.Hello?.Kernel ?? "",
        ["runtime"] = node.Hello?.Runtime ?? "",
        ["capabilities"] = new JsonArray([.. (node.Hello?.Capabilities ?? []).Select(capability => new JsonObject
        {
            ["event"] = capability.Event,
            ["hook"] = capability.Hook,
            ["blind_reason"] = capability.BlindReason,
        })]),
        ["counters"] = new JsonArray([.. (node.Heartbeat?.Counters ?? []).Select(counter => new JsonObject
        {
            ["name"] = counter.Name,
            ["event_class"] = counter.EventClass,
            ["value"] = counter.Value,
        })]),
        ["containers"] = new JsonArray([.. (node.Heartbeat?.Containers ?? []).Select(status =>
        {
            var fields = WorkloadJson.Of(status.Container ?? new Container());
            fields["namespace"] = status.Container?.Workload?.Namespace ?? "";
            fields["image"] = status.Container?.Workload?.Image ?? "";
            fields["seen_from_birth"] = status.SeenFromBirth;
            return fields;
        })]),
        ["spooled_bytes"] = node.Heartbeat?.SpooledBytes ?? 0,
        ["rss_anon_bytes"] = node.Heartbeat?.RssAnonBytes ?? 0,
        ["ring_bytes"] = node.Heartbeat?.RingBytes ?? 0,
        ["anomalies_committed"] = node.AnomaliesCommitted,
        ["records_committed"] = node.RecordsCommitted,
        ["losses"] = CoverageText.Losses(node.Losses),
        ["gaps"] = new JsonArray([.. node.RecentGaps.Select(CoverageText.Gap)]),
    };
}
