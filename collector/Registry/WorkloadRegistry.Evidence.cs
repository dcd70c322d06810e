using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Evidence: merged from all nodes, kept on disk, handed out as models.</summary>
sealed partial class WorkloadRegistry
{
    /// <summary>Changes of a workload's evidence within it reach the other nodes as one model.</summary>
    static readonly TimeSpan PushDelay = TimeSpan.FromSeconds(1);

    /// <summary>
    /// What an agent learned before it heard of a lock may arrive this long after it and still counts; agents send what
    /// they learn every two seconds.
    /// </summary>
    static readonly TimeSpan LockGrace = TimeSpan.FromSeconds(10);

    readonly NodeShares _shares = new();

    /// <summary>Whose evidence changed since it was last looked at; no more than the registry holds, as only those merge.</summary>
    readonly ConcurrentDictionary<WorkloadKey, bool> _unread = [];

    /// <summary>Whose stored evidence could not be read when it last was; no more than the registry holds.</summary>
    readonly ConcurrentDictionary<WorkloadKey, bool> _unreadable = [];

    /// <summary>What is stored of it could not be read when it last was, and was taken for none.</summary>
    public bool IsUnreadable(WorkloadKey workload) => _unreadable.ContainsKey(workload);

    /// <summary>Workloads whose evidence changed and was not looked at since, in no order.</summary>
    public IEnumerable<WorkloadKey> Unread => _unread.Keys;

    /// <summary>Its evidence is looked at from now on; what is merged later is unread again.</summary>
    public void Read(WorkloadKey workload) => _unread.TryRemove(workload, out _);

    /// <summary>The collector's word on a workload; null when it is not known (any more).</summary>
    public async Task<Model?> ModelAsync(WorkloadKey workload, CancellationToken cancellation)
    {
        var row = await state.ReadAsync(context => context.Workloads
            .Where(row => row.Namespace == workload.Namespace && row.Image == workload.Image)
            .Select(row => new { row.Policy, row.Evidence }).FirstOrDefaultAsync(cancellation), cancellation);
        if (row is null)
        {
            return null;
        }
        var policy = Policy.Parser.ParseFrom(row.Policy);
        var message = new Workload { Namespace = workload.Namespace, Image = workload.Image };
        return new Model { Workload = message, Policy = policy, Evidence = Parse(row.Evidence, message, policy) };
    }

    /// <summary>
    /// Evidence as it is stored, also by an earlier version. What cannot be read is counted, told once until it can be read
    /// again, and taken for none: agents go on with their own copies, and send all of them when they start again.
    /// </summary>
    Evidence Parse(byte[] evidence, Workload workload, Policy policy)
    {
        var key = new WorkloadKey(workload.Namespace, workload.Image);
        var none = new Evidence { Workload = workload, Generation = policy.Generation, Format = EvidenceFormat.Current };
        if (evidence.Length == 0)
        {
            _unreadable.TryRemove(key, out _);
            return none;
        }
        string reason;
        try
        {
            var stored = EvidenceFormat.Upgrade(Evidence.Parser.ParseFrom(evidence));
            if (EvidenceMerge.IsReadable(stored))
            {
                _unreadable.TryRemove(key, out _);
                return stored;
            }
            reason = $"format {stored.Format} is unknown, or a part is out of bounds";
        }
        catch (InvalidProtocolBufferException e)
        {
            reason = e.Message;
        }
        diagnostics.EvidenceUnreadable.Inc();
        if (_unreadable.TryAdd(key, true))
        {
            diagnostics.StoredEvidenceUnreadable(key.ToString(), evidence.Length, options.Data.StateDatabase, reason);
        }
        return none;
    }

    /// <summary>
    /// Merges what a node sent and returns null once that is durable; else why it was refused. Evidence of a generation
    /// that a reset has ended is not refused but dropped: the node gets the model of the new one.
    /// </summary>
    public async Task<string?> MergeAsync(string node, Evidence evidence, CancellationToken cancellation)
    {
        evidence = EvidenceFormat.Upgrade(evidence);
        if (EvidenceMerge.Refuse(evidence) is { } refusal)
        {
            diagnostics.EvidenceMerged.WithLabels("refused").Inc();
            return refusal;
        }
        var workload = new WorkloadKey(evidence.Workload.Namespace, evidence.Workload.Image);
        if (await InTurnAsync(async () => Find(workload) is { } entry
            ? await MergeAsync(entry, (node, evidence), cancellation)
            : (Outcome?)null, cancellation) is not { } outcome)
        {
            diagnostics.EvidenceMerged.WithLabels("refused").Inc();
            return $"the collector's registry has no room for {workload}";
        }
        diagnostics.EvidenceMerged.WithLabels(outcome.ToString().ToLowerInvariant()).Inc();
        if (outcome == Outcome.Merged)
        {
            _unread[workload] = true;
            feed.Changed(workload, PushDelay, exceptNode: node);
        }
        else if (outcome == Outcome.Stale)
        {
            feed.Changed(workload, TimeSpan.Zero, exceptNode: "");
        }
        return null;
    }

    /// <summary>
    /// Reads, merges and writes in this registry's turn, and only the writing in the state store's: a merge of megabytes
    /// takes long, and commits of anomalies wait for that turn.
    /// </summary>
    async Task<Outcome> MergeAsync(WorkloadEntry entry, (string Node, Evidence Evidence) sent, CancellationToken cancellation)
    {
        var evidence = sent.Evidence;
        if (evidence.Generation != entry.Policy.Generation)
        {
            return Outcome.Stale;
        }
        var (ns, image) = (entry.Workload.Namespace, entry.Workload.Image);
        var stored = await state.ReadAsync(context => context.Workloads
            .Where(row => row.Namespace == ns && row.Image == image).Select(row => row.Evidence).FirstAsync(cancellation), cancellation);
        var known = Parse(stored, entry.Message, entry.Policy);
        diagnostics.BehavioursRefused.Inc(_shares.Cut(sent.Node, entry.Workload, known, evidence));
        evidence = Withhold(entry.Policy, known, evidence);
        var merged = EvidenceMerge.Merge(known, evidence);
        diagnostics.BehavioursEvicted.Inc(EvidenceBound.Cut(merged));
        // Revisions are the senders' own; in the merge one would only say who spoke last.
        merged.Revision = 0;
        var bytes = merged.ToByteArray();
        if (bytes.AsSpan().SequenceEqual(stored))
        {
            return Outcome.Unchanged;
        }
        await state.WriteAsync(context => context.Workloads.Where(row => row.Namespace == ns && row.Image == image)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.Evidence, bytes), cancellation), cancellation);
        return Outcome.Merged;
    }

    /// <summary>What a drifting class takes for normal, with its line of the audit trail first; agents are told.</summary>
    /// <param name="workload">Whose.</param>
    /// <param name="absorbed">Marked learned.</param>
    /// <param name="also">Done in the transaction of that line.</param>
    /// <param name="cancellation">The collector stops.</param>
    /// <exception cref="ArgumentException">The evidence is none a baseline could have sent.</exception>
    public async Task AbsorbAsync(WorkloadKey workload, Evidence absorbed, Func<StateContext, Task> also, CancellationToken cancellation)
    {
        var first = absorbed.Behaviours[0];
        await state.WriteAsync(async context =>
        {
            context.Audit.Add(AuditTrail.Row(time.UnixNs(), AuditTrail.Collector, "absorb", workload.ToString(),
                $"{absorbed.Behaviours.Count} behaviours of drifting classes that most replicas do are normal now, " +
                $"{PolicyWords.Of(first.Class)} {first.Actor} -> {first.Object} among them"));
            await also(context);
        }, cancellation);
        if (await MergeAsync(node: "", absorbed, cancellation) is { } refusal)
        {
            throw new ArgumentException(refusal, nameof(absorbed));
        }
        diagnostics.BehavioursAbsorbed.Inc(absorbed.Behaviours.Count);
    }

    /// <summary>What was learned of classes that learn no more arrives quarantined.</summary>
    Evidence Withhold(Policy policy, Evidence known, Evidence evidence)
    {
        var now = time.UnixNs();
        var closed = evidence.Behaviours.Select(behaviour => behaviour.Class).Distinct()
            .Where(behaviourClass => ClassPolicies.ClosedSince(policy, behaviourClass) is { } since && now - since > LockGrace.ToNs())
            .ToHashSet();
        if (closed.Count == 0)
        {
            return evidence;
        }
        var late = new Evidence { Behaviours = { evidence.Behaviours.Where(behaviour => closed.Contains(behaviour.Class)) } };
        late = EvidenceMerge.Withhold(known, late, out var withheld);
        diagnostics.BehavioursWithheld.Inc(withheld);
        var result = evidence.Clone();
        result.Behaviours.Clear();
        result.Behaviours.AddRange(evidence.Behaviours.Where(behaviour => !closed.Contains(behaviour.Class)));
        result.Behaviours.AddRange(late.Behaviours);
        return result;
    }

    enum Outcome
    {
        Unchanged,
        Merged,
        Stale,
    }
}
