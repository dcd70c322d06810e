using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Shows workloads and takes people's decisions about them.</summary>
sealed partial class WorkloadsService(CollectorParts parts, WorkloadView view) : Workloads.WorkloadsBase
{
    const int MaxReason = 1024;
    const int MaxWorkloads = 500;
    static readonly TimeSpan MaxLearning = TimeSpan.FromDays(3650);

    readonly WorkloadRegistry _registry = parts.Registry;
    readonly CollectorOptions _options = parts.Options;

    public override async Task<ListWorkloadsResponse> List(ListWorkloadsRequest request, ServerCallContext context)
    {
        var wanted = _registry.Entries
            .Where(entry => request.Namespace.Length == 0 || entry.Workload.Namespace == request.Namespace)
            .Where(entry => entry.Workload.Image.Contains(request.Image, StringComparison.Ordinal))
            .Where(entry => string.CompareOrdinal(Cursor(entry), request.Cursor) > 0)
            .OrderBy(Cursor, StringComparer.Ordinal).ToList();
        var page = new AnswerPage<WorkloadSummary>(MaxWorkloads, summary => summary.CalculateSize());
        await foreach (var summary in view.SummariesAsync(wanted, context.CancellationToken))
        {
            if (!page.TryAdd(summary))
            {
                break;
            }
        }
        return new ListWorkloadsResponse
        {
            Workloads = { page.Items },
            NextCursor = page.IsCut ? Cursor(wanted[page.Items.Count - 1]) : "",
        };
    }

    /// <summary>Lists and cursors are ordered by this one text, whatever a name holds.</summary>
    static string Cursor(WorkloadEntry entry) => $"{entry.Workload.Namespace}\u0001{entry.Workload.Image}";

    public override async Task<WorkloadDetail> Get(GetWorkloadRequest request, ServerCallContext context)
    {
        var entry = Resolve(request.Workload);
        var subject = entry.Workload.ToString();
        var audit = await parts.State.ReadAsync(db => db.Audit.Where(row => row.Subject == subject)
            .OrderByDescending(row => row.Id).Take(50).ToListAsync(context.CancellationToken), context.CancellationToken);
        var detail = new WorkloadDetail { Summary = await SummaryAsync(entry, context) };
        var running = new AnswerPage<Container>(int.MaxValue, container => container.CalculateSize());
        _ = parts.Nodes.Running(entry.Workload).All(found => running.TryAdd(found.Container));
        detail.Containers.AddRange(running.Items);
        detail.Audit.AddRange(audit.Select(row => new AuditEntry
        {
            TimeUnixNs = row.TimeUnixNs,
            User = row.User,
            Action = row.Action,
            Detail = row.Detail,
        }));
        return detail;
    }

    public override async Task<Model> GetBaseline(GetWorkloadRequest request, ServerCallContext context)
    {
        var model = await _registry.ModelAsync(Resolve(request.Workload).Workload, context.CancellationToken) ?? throw NotFound(request.Workload);
        if (request.Only is { } only)
        {
            var kept = Wanted(model, only).ToList();
            model.Evidence.Behaviours.Clear();
            model.Evidence.Behaviours.AddRange(kept);
        }
        return model;
    }

    IEnumerable<BehaviourEvidence> Wanted(Model model, BehaviourFilter only)
    {
        var review = new VersionReview(model, parts.Time.UnixNs());
        var behaviours = model.Evidence.Behaviours
            .Where(behaviour => only.Class == BehaviourClass.Unspecified || behaviour.Class == only.Class)
            .Where(behaviour => !only.Quarantined || review.IsQuarantined(behaviour));
        if (only.NewIn.Length == 0)
        {
            return behaviours;
        }
        var versions = review.Named(only.NewIn);
        return versions.Count switch
        {
            0 => throw new RpcException(new Status(StatusCode.NotFound,
                $"no version '{only.NewIn}' of it has evidence; rgctl workloads show lists those that have")),
            1 => behaviours.Where(behaviour => review.IsNewIn(versions[0], behaviour)),
            _ => throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"more than one version fits '{only.NewIn}': {string.Join(", ", versions.Take(5).Select(version => version.Version))}; give more of it")),
        };
    }

    public override Task<WorkloadSummary> Learn(LearnRequest request, ServerCallContext context)
    {
        var duration = Duration(request.DurationSeconds, 0, "0 (the collector's default)");
        var learning = duration == TimeSpan.Zero ? _options.LearningOnWallClock : _options.OnWallClock(duration);
        return ChangeAsync(request.Workload, request.Reason, (policy, now, by) =>
            PolicyChange.Learn(policy, now, learning, request.Reset, by), context);
    }

    public override Task<WorkloadSummary> Extend(ExtendRequest request, ServerCallContext context)
    {
        var duration = Duration(request.DurationSeconds, 1, "1");
        return ChangeAsync(request.Workload, request.Reason, (policy, now, by) =>
            PolicyChange.Extend(policy, now, _options.OnWallClock(duration), by), context);
    }

    public override Task<WorkloadSummary> Lock(LockRequest request, ServerCallContext context) =>
        ChangeAsync(request.Workload, request.Reason, request.Classes, PolicyChange.LockByHand, context);

    public override Task<WorkloadSummary> Unlock(UnlockRequest request, ServerCallContext context) =>
        ChangeAsync(request.Workload, request.Reason, request.Classes, PolicyChange.Unlock, context);

    public override Task<WorkloadSummary> Freeze(FreezeRequest request, ServerCallContext context) =>
        ChangeAsync(request.Workload, request.Reason, request.Classes, PolicyChange.Freeze, context);

    Task<WorkloadSummary> ChangeAsync(Workload? workload, string reason, IReadOnlyCollection<BehaviourClass> classes,
        Func<Policy, long, IReadOnlyCollection<BehaviourClass>, By, Policy> change, ServerCallContext context)
    {
        foreach (var unknown in classes.Where(named => named == BehaviourClass.Unspecified || !Enum.IsDefined(named)))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"classes: {(int)unknown} is no class of behaviours this collector knows"));
        }
        return ChangeAsync(workload, reason, (policy, now, by) => change(policy, now, classes, by), context);
    }

    async Task<WorkloadSummary> ChangeAsync(
        Workload? workload, string reason, Func<Policy, long, By, Policy> change, ServerCallContext context)
    {
        if (reason.Length > MaxReason)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"reason is longer than {MaxReason} characters"));
        }
        var entry = Exactly(workload);
        var by = new By(Caller.Of(context.GetHttpContext()).User, reason);
        try
        {
            var changed = await _registry.ChangePolicyAsync(
                entry.Workload, by, (policy, now) => change(policy, now, by), context.CancellationToken);
            return await SummaryAsync(changed ?? throw NotFound(workload), context);
        }
        catch (PolicyRefusal e)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, $"{entry.Workload}: {e.Message}"));
        }
    }

    static TimeSpan Duration(long seconds, long least, string leastSaid) =>
        seconds >= least && seconds <= MaxLearning.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"duration_seconds must be {leastSaid} to {MaxLearning.TotalSeconds:0}"));

    /// <summary>Exactly this one: a change is never made to a guess.</summary>
    WorkloadEntry Exactly(Workload? workload) =>
        _registry.Find(new WorkloadKey(workload?.Namespace ?? "", workload?.Image ?? "")) ?? throw NotFound(workload);

    async Task<WorkloadSummary> SummaryAsync(WorkloadEntry entry, ServerCallContext context) =>
        await view.SummariesAsync([entry], context.CancellationToken).FirstOrDefaultAsync(context.CancellationToken) ??
        throw NotFound(entry.Message);

    /// <summary>The workload named, or the only one whose image contains what was given.</summary>
    WorkloadEntry Resolve(Workload? wanted)
    {
        wanted ??= new Workload();
        if (_registry.Find(new WorkloadKey(wanted.Namespace, wanted.Image)) is { } exact)
        {
            return exact;
        }
        var found = _registry.Entries.Where(entry =>
            (wanted.Namespace.Length == 0 || entry.Workload.Namespace == wanted.Namespace) &&
            entry.Workload.Image.Contains(wanted.Image, StringComparison.Ordinal)).Take(6).ToList();
        return found.Count switch
        {
            0 => throw NotFound(wanted),
            1 => found[0],
            _ => throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"more than one workload fits: {string.Join(", ", found.Take(5).Select(entry => entry.Workload))}" +
                $"{(found.Count > 5 ? " ..." : "")}; give namespace and image")),
        };
    }

    static RpcException NotFound(Workload? workload) => new(new Status(StatusCode.NotFound,
        $"no workload '{workload?.Namespace}/{workload?.Image}' is known; see rgctl workloads list"));
}
