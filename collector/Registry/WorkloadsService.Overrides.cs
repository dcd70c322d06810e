using Grpc.Core;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>What people say of behaviours, and what a candidate would have said of history.</summary>
sealed partial class WorkloadsService
{
    public override async Task<SetOverrideResponse> SetOverride(SetOverrideRequest request, ServerCallContext context)
    {
        var entry = Exactly(request.Workload);
        var asked = request.Override ?? throw new RpcException(new Status(StatusCode.InvalidArgument, "override: there is none in the request"));
        if (asked.Id.Length > 0 || asked.CreatedBy.Length > 0 || asked.CreatedUnixNs != 0 || asked.ExpiresUnixNs != 0)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                "override: its id, user and times are the collector's; how long it holds is duration_seconds"));
        }
        var duration = Duration(request.DurationSeconds, 0, "0 (for ever)");
        asked = await parts.OverrideDesk.ResolveAsync(entry.Workload, asked, context.CancellationToken);
        var (one, reach) = await parts.OverrideDesk.SetAsync(entry.Workload, asked, duration, Caller.Of(context.GetHttpContext()),
            (_, _) => Task.CompletedTask, context.CancellationToken);
        return new SetOverrideResponse { Override = one, Reach = reach };
    }

    public override async Task<RemoveOverrideResponse> RemoveOverride(RemoveOverrideRequest request, ServerCallContext context)
    {
        var (one, workloads) = await parts.OverrideDesk.RemoveAsync(
            Exactly(request.Workload), request.Id, request.Reason, Caller.Of(context.GetHttpContext()), context.CancellationToken);
        return new RemoveOverrideResponse { Override = one, Workloads = workloads };
    }

    public override async Task<WouldFireResponse> WouldFire(WouldFireRequest request, ServerCallContext context)
    {
        var entry = Resolve(request.Workload);
        var to = request.ToUnixNs == 0 ? parts.Time.UnixNs() : request.ToUnixNs;
        var from = request.FromUnixNs == 0 ? to - UnixTime.NsPerDay : request.FromUnixNs;
        if (from < 0 || from >= to)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "the time range is empty: from must be before to"));
        }
        // What is older than history is kept cannot be there: days are searched one by one.
        from = Math.Max(from, Math.Min(to - 1, parts.Time.UnixNs() - _options.HistoryAge.ToNs() - UnixTime.NsPerDay));
        if (request.Candidate is { } given && Refuse(given) is { } wrong)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"candidate: {wrong}"));
        }
        var candidate = request.Candidate ?? await _registry.ModelAsync(entry.Workload, context.CancellationToken) ?? throw NotFound(request.Workload);
        try
        {
            return await parts.CandidateReplay.RunAsync(entry.Workload, candidate, from, to, context.CancellationToken);
        }
        catch (HistoryException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, "one day of history took too long to search; give a shorter time range"));
        }
    }

    static string? Refuse(Model candidate)
    {
        if (candidate.Evidence is null)
        {
            return "it holds no evidence; rgctl baseline export writes one that does";
        }
        if (candidate.Policy?.Overrides is { Count: > Overrides.Most } many)
        {
            return $"it holds {many.Count} overrides, more than {Overrides.Most}";
        }
        return EvidenceMerge.Refuse(candidate.Evidence)
            ?? candidate.Policy?.Overrides.Select(Overrides.Refuse).FirstOrDefault(reason => reason is not null);
    }
}
