using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Nodes;

/// <summary>
/// Who is enrolled, who is connected, and what each said last. Rows of the state store are the truth about enrolment
/// and revocation; the live part is in memory. Thread-safe.
/// </summary>
sealed class NodeDirectory(StateStore state, CollectorDiagnostics diagnostics, TimeProvider time)
{
    readonly ConcurrentDictionary<string, LiveNode> _live = new(StringComparer.Ordinal);

    public IReadOnlyCollection<LiveNode> Live => (IReadOnlyCollection<LiveNode>)_live.Values;

    /// <summary>Containers of the workload by the last heartbeats of connected nodes.</summary>
    public IEnumerable<(string Node, Container Container)> Running(WorkloadKey workload) =>
        from live in Live
        from status in live.Heartbeat?.Containers ?? []
        where status.Container.Workload.Namespace == workload.Namespace && status.Container.Workload.Image == workload.Image
        select (live.Node, status.Container);

    public LiveNode? Find(string node) => _live.GetValueOrDefault(node);

    /// <summary>Why a certificate of this enrolment may not speak for the node, or null when it may.</summary>
    public async Task<string?> RefusalAsync(string node, string enrolment, CancellationToken cancellation)
    {
        var row = await state.ReadAsync(
            context => context.Nodes.FirstOrDefaultAsync(row => row.Name == node, cancellation), cancellation);
        if (row is null)
        {
            return $"node '{node}' is not enrolled here; enrol it with a join token";
        }
        if (row.RevokedUnixNs != 0)
        {
            return $"node '{node}' is revoked; enrol it again with a join token";
        }
        return row.Enrolment == enrolment
            ? null
            : $"the certificate belongs to an earlier enrolment of node '{node}'; enrol it again with a join token";
    }

    /// <summary>"connected", "silent" (no stream, or nothing heard for too long) or "revoked".</summary>
    public string StateOf(NodeRow row, LiveNode? live, TimeSpan silentAfter)
    {
        if (row.RevokedUnixNs != 0)
        {
            return "revoked";
        }
        return live is not null && time.UnixNs() - live.LastHeardUnixNs < silentAfter.ToNs() ? "connected" : "silent";
    }

    /// <summary>The newest stream of a node wins: the older one is closed.</summary>
    public LiveNode Connect(string node, string enrolment, Hello hello, Action<string> close)
    {
        var now = time.UnixNs();
        var live = new LiveNode(node, enrolment, hello, now, close);
        _live.AddOrUpdate(node, live, (_, older) =>
        {
            older.Close("the node has connected again");
            return live;
        });
        diagnostics.AgentsConnected.Set(_live.Count);
        return live;
    }

    public async Task DisconnectAsync(LiveNode live, CancellationToken cancellation)
    {
        _live.TryRemove(KeyValuePair.Create(live.Node, live));
        diagnostics.AgentsConnected.Set(_live.Count);
        await SaveAsync(live, cancellation);
    }

    /// <summary>Keeps Hello, Heartbeat and last-heard over restarts.</summary>
    public Task SaveAsync(LiveNode live, CancellationToken cancellation)
    {
        var hello = live.Hello.ToByteArray();
        var heartbeat = live.Heartbeat?.ToByteArray() ?? [];
        return state.WriteAsync(context => context.Nodes.Where(row => row.Name == live.Node).ExecuteUpdateAsync(set => set
            .SetProperty(row => row.Hello, hello)
            .SetProperty(row => row.Heartbeat, heartbeat)
            .SetProperty(row => row.LastHeardUnixNs, live.LastHeardUnixNs), cancellation), cancellation);
    }

    /// <summary>Closes the streams of nodes whose enrolment has been revoked meanwhile.</summary>
    public async Task SweepAsync(CancellationToken cancellation)
    {
        foreach (var live in _live.Values)
        {
            if (await RefusalAsync(live.Node, live.Enrolment, cancellation) is { } refusal)
            {
                live.Close(refusal);
            }
        }
    }
}
