using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>The stable fields of workloads, containers and baselines for machines; README.md lists them.</summary>
static class WorkloadJson
{
    public static JsonObject Of(WorkloadSummary summary)
    {
        var fields = Key(summary.Workload);
        AddPolicy(fields, summary.Policy);
        fields["containers_running"] = summary.Containers;
        fields["nodes"] = JsonText.Array(summary.Nodes);
        fields["behaviours"] = summary.Behaviours;
        fields["versions"] = JsonText.Array(summary.Versions);
        fields["first_seen_unix_ns"] = summary.FirstSeenUnixNs;
        fields["last_seen_unix_ns"] = summary.LastSeenUnixNs;
        fields["open_alerts"] = summary.OpenAlerts;
        fields["quarantined"] = summary.Quarantined;
        fields["evidence_unreadable"] = summary.EvidenceUnreadable;
        fields["watched"] = new JsonArray([.. summary.Watched.Select(version => new JsonObject
        {
            ["version"] = version.Version,
            ["first_seen_unix_ns"] = version.FirstSeenUnixNs,
            ["units"] = JsonText.Number(version.Units),
            ["new_behaviours"] = version.NewBehaviours,
        })]);
        fields["classes"] = new JsonArray([.. summary.Classes.Select(progress => new JsonObject
        {
            ["class"] = Words.Of(progress.Class),
            ["state"] = progress.State,
            ["behaviours"] = progress.Behaviours,
            ["quarantined"] = progress.Quarantined,
            ["units"] = JsonText.Number(progress.Units),
            ["new_per_day"] = JsonText.Number(progress.NewPerDay),
            ["new_per_day_upper"] = JsonText.Number(progress.NewPerDayUpper),
            ["target_per_day"] = JsonText.Number(progress.TargetPerDay),
            ["evidence_fraction"] = JsonText.Number(progress.EvidenceFraction),
            ["units_missing"] = JsonText.Number(progress.UnitsMissing),
            ["calendar_complete"] = progress.CalendarComplete,
            ["days_seen"] = progress.DaysSeen,
            ["hours_of_week_seen"] = progress.HoursOfWeekSeen,
            ["runs"] = progress.Runs,
        })]);
        return fields;
    }

    public static JsonObject Of(WorkloadDetail detail)
    {
        var fields = Of(detail.Summary ?? new WorkloadSummary());
        fields["containers"] = new JsonArray([.. detail.Containers.Select(Of)]);
        fields["audit"] = new JsonArray([.. detail.Audit.Select(entry => new JsonObject
        {
            ["time_unix_ns"] = entry.TimeUnixNs,
            ["user"] = entry.User,
            ["action"] = entry.Action,
            ["detail"] = entry.Detail,
        })]);
        return fields;
    }

    public static JsonObject Of(Container container) => new()
    {
        ["container_id"] = container.Id,
        ["container_name"] = container.Name,
        ["pod"] = container.Pod,
        ["tag"] = container.Tag,
        ["digest"] = container.Digest,
        ["runtime"] = container.Runtime,
        ["started_unix_ns"] = container.StartedUnixNs,
    };

    public static JsonObject Of(Model model, IEnumerable<BehaviourEvidence> behaviours)
    {
        var fields = Key(model.Workload);
        AddPolicy(fields, model.Policy);
        fields["revision"] = model.Evidence?.Revision ?? 0;
        fields["behaviours"] = new JsonArray([.. behaviours.Select(Of)]);
        return fields;
    }

    public static JsonObject Of(BehaviourEvidence behaviour) => new()
    {
        ["class"] = Words.Of(behaviour.Class),
        ["actor"] = behaviour.Actor,
        ["object"] = behaviour.Object,
        ["key"] = Words.Key(behaviour.Key),
        ["units"] = behaviour.Units.Count,
        ["containers"] = behaviour.Containers.Count,
        ["first_seen_unix_ns"] = behaviour.FirstSeenUnixNs,
        ["last_seen_unix_ns"] = behaviour.LastSeenUnixNs,
        ["learned"] = behaviour.Learned,
        ["quarantined"] = behaviour.Quarantined,
        ["mark"] = behaviour.Mark,
    };

    static JsonObject Key(Workload? workload) => new()
    {
        ["namespace"] = workload?.Namespace ?? "",
        ["image"] = workload?.Image ?? "",
    };

    static void AddPolicy(JsonObject fields, Policy? policy)
    {
        policy ??= new Policy();
        fields["mode"] = Words.Of(policy.Mode);
        fields["learning_since_unix_ns"] = policy.LearningSinceUnixNs;
        fields["learning_until_unix_ns"] = policy.LearningUntilUnixNs;
        fields["locked_unix_ns"] = policy.LockedUnixNs;
        fields["changed_by"] = policy.ChangedBy;
        fields["reason"] = policy.Reason;
        fields["strict_classes"] = JsonText.Array(policy.StrictClasses.Select(Words.Of));
        fields["class_policies"] = new JsonArray([.. policy.Classes.Select(own => new JsonObject
        {
            ["class"] = Words.Of(own.Class),
            ["mode"] = own.Mode == LearningMode.Unspecified ? null : Words.Of(own.Mode),
            ["locked_unix_ns"] = own.LockedUnixNs,
            ["unbounded"] = own.Unbounded,
            ["drift_since_unix_ns"] = own.DriftSinceUnixNs,
        })]);
        fields["overrides"] = new JsonArray([.. policy.Overrides.Select(OverrideText.Json)]);
        fields["generation"] = policy.Generation;
        fields["policy_version"] = policy.Version;
    }
}
