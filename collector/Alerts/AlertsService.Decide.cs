using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>From an alert to what a person says of its behaviour.</summary>
sealed partial class AlertsService
{
    static readonly double MostSeconds = TimeSpan.MaxValue.TotalSeconds / 2;

    public override async Task<DecideAlertResponse> Decide(DecideAlertRequest request, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        if (request.DurationSeconds < 0 || request.DurationSeconds > MostSeconds)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "duration_seconds must be 0 (for ever) or more"));
        }
        var found = await FindAsync(request.Id, cancellation);
        if (found.Kind == (int)AlertKind.Drift)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition,
                $"alert {found.Id} is of a class, not of a behaviour: lock the class (rgctl workloads lock), or allow what it does (rgctl baseline allow)"));
        }
        var workload = new WorkloadKey(found.Namespace, found.Image);
        if (parts.Registry.Find(workload) is null)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition,
                $"{workload} of alert {found.Id} is not in the registry any more: nothing of it is judged"));
        }
        var anomaly = await MemberAsync(found, request.Member, cancellation);
        AlertRow? decided = null;
        var caller = Caller.Of(context.GetHttpContext());
        var (one, reach) = await parts.OverrideDesk.SetAsync(workload, Asked(request, found.Id, anomaly),
            TimeSpan.FromSeconds(request.DurationSeconds), caller, async (db, made) =>
            {
                decided = await AlertDecision.SetAsync(db, found.Id, made, cancellation) ?? throw new RpcException(
                    new Status(StatusCode.NotFound, $"alert {found.Id} was pruned meanwhile; see rgctl baseline allow"));
                db.Audit.Add(AuditTrail.Row(made.CreatedUnixNs, caller.User, "alert", found.Id,
                    $"{((AlertState)found.State).ToString().ToLowerInvariant()} -> {((AlertState)decided.State).ToString().ToLowerInvariant()} " +
                    $"by {PolicyWords.Of(made)}: {made.Reason}"));
            }, cancellation);
        return new DecideAlertResponse { Alert = await _fleets.AlertAsync(decided!, cancellation), Override = one, Reach = reach };
    }

    /// <summary>The worst anomaly of an alert, or one by its place in the order they were received.</summary>
    async Task<Anomaly> MemberAsync(AlertRow alert, int member, CancellationToken cancellation)
    {
        if (member == 0)
        {
            return Anomaly.Parser.ParseFrom(alert.Worst);
        }
        var data = member < 0 ? null : await _state.ReadAsync(db => AlertMembers.Of(db, alert)
            .OrderBy(row => row.Id).Skip(member - 1).Select(row => row.Data).FirstOrDefaultAsync(cancellation), cancellation);
        return Anomaly.Parser.ParseFrom(data ?? throw new RpcException(new Status(StatusCode.NotFound,
            $"alert {alert.Id} keeps no anomaly number {member}; rgctl alerts show {alert.Id} numbers them")));
    }

    static Override Asked(DecideAlertRequest request, string id, Anomaly anomaly)
    {
        var scope = request.Scope == OverrideScope.Unspecified ? OverrideScope.Behaviour : request.Scope;
        var names = BehaviourNames.Of(anomaly.Behaviour).ToList();
        if (scope == OverrideScope.Behaviour && anomaly.BehaviourKey == 0)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition,
                $"the anomaly of alert {id} names no behaviour: its agent is of an older version; use --scope pattern"));
        }
        if (scope == OverrideScope.Pattern && names.Count != 1 && (request.Actor.Length == 0 || request.Object.Length == 0))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"'{anomaly.Behaviour}' can be read as actor and object in more than one way: give both (--actor, --object), or allow the behaviour itself"));
        }
        var version = BehaviourNames.Version(anomaly.Container);
        if (request.ThisVersion && version.Length == 0)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition,
                $"the container of alert {id} has neither tag nor digest that is known: leave the version out"));
        }
        var (actor, target) = names.FirstOrDefault((Actor: anomaly.Behaviour, Object: ""));
        var isPattern = scope == OverrideScope.Pattern;
        return new Override
        {
            Kind = request.Kind,
            Scope = scope,
            Class = anomaly.Class,
            Key = scope == OverrideScope.Behaviour ? anomaly.BehaviourKey : 0,
            Actor = scope == OverrideScope.Class ? "" : isPattern && request.Actor.Length > 0 ? request.Actor : actor,
            Object = scope == OverrideScope.Class ? "" : isPattern && request.Object.Length > 0 ? request.Object : target,
            Version = request.ThisVersion ? version : "",
            WholeNamespace = request.WholeNamespace,
            Reason = request.Reason,
        };
    }
}
