using System.Text.Json.Nodes;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Cli;

/// <summary>The report of a replay, for machines. Nothing in it depends on how fast it went.</summary>
static class ReplayJson
{
    public static JsonObject Of(ReplayReport report) => new()
    {
        ["marks_sha256"] = report.DataHash,
        ["evidence_sha256"] = report.EvidenceHash,
        ["alpha"] = report.Alpha,
        ["ablations"] = JsonText.Array(report.Options.Ablations),
        ["seed"] = report.Options.Seed,
        ["nodes_apart"] = report.Options.NodesApart,
        ["split"] = report.Options.SplitByContainer ? "container" : "time",
        ["recording"] = Of(report.Scope),
        ["false_alarms"] = Of(report.FalseAlarms),
        ["detection"] = Of(report.Detection),
        ["learning"] = new JsonArray([.. report.Learning.Select(time => new JsonObject
        {
            ["class"] = Words.Of(time.Class),
            ["workloads"] = time.Workloads,
            ["operational"] = time.Operational,
            ["hours_median"] = JsonText.Number(time.MedianHours),
            ["hours_longest"] = JsonText.Number(time.LongestHours),
        })]),
        ["state"] = new JsonObject
        {
            ["behaviours"] = report.State.Behaviours,
            ["behaviours_largest"] = report.State.LargestBehaviours,
            ["evidence_bytes"] = report.State.EvidenceBytes,
            ["evidence_bytes_largest"] = report.State.LargestEvidenceBytes,
            ["dropped"] = report.State.Dropped,
        },
    };

    static JsonObject Of(ReplayScope scope) => new()
    {
        ["events"] = scope.Events,
        ["first_unix_ns"] = scope.FirstNs,
        ["last_unix_ns"] = scope.LastNs,
        ["judged_from_unix_ns"] = scope.JudgedFromNs,
        ["nodes"] = scope.Nodes,
        ["workloads"] = scope.Workloads,
        ["containers"] = scope.Containers,
        ["container_days_trained"] = scope.TrainedContainerDays,
        ["container_days_judged"] = scope.JudgedContainerDays,
        ["out_of_order"] = scope.OutOfOrder,
        ["not_judged"] = Counts(scope.NotJudged.Select(n => (n.Kind, n.Count))),
        ["verdicts"] = Counts(scope.Verdicts.Select(v => (Words.Of(v.Kind), v.Count))),
    };

    static JsonObject Of(FalseAlarms alarms) => new()
    {
        ["count"] = alarms.Count,
        ["raised"] = alarms.Raised,
        ["while_training"] = alarms.WhileTraining,
        ["per_container_day"] = alarms.PerContainerDay,
        ["interval"] = Of(alarms.Interval),
        ["by_source"] = Counts(alarms.BySource.Select(s => (ReplayText.Source(s.Source), s.Count))),
        ["by_class"] = Counts(alarms.ByClass.Select(c => (Words.Of(c.Class), c.Count))),
        ["examples"] = new JsonArray([.. alarms.Examples.Select(alarm => new JsonObject
        {
            ["time_unix_ns"] = alarm.TimeNs,
            ["namespace"] = alarm.Workload.Namespace,
            ["image"] = alarm.Workload.Image,
            ["container_id"] = alarm.ContainerId,
            ["source"] = ReplayText.Source(alarm.Source),
            ["class"] = Words.Of(alarm.Class),
            ["rule"] = alarm.Rule,
            ["behaviour"] = alarm.Behaviour,
            ["summary"] = alarm.Summary,
            ["score"] = JsonText.Number(alarm.Score),
        })]),
    };

    static JsonObject Of(Detection detection) => new()
    {
        ["incidents"] = detection.Incidents,
        ["found"] = detection.Found,
        ["labels_outside"] = detection.Outside,
        ["alarms_per_incident_median"] = JsonText.Number(detection.AlarmsPerIncidentMedian),
        ["alarms_per_incident_p95"] = JsonText.Number(detection.AlarmsPerIncident95),
        ["seconds_to_first_median"] = JsonText.Number(detection.SecondsToFirstMedian),
        ["seconds_to_first_p95"] = JsonText.Number(detection.SecondsToFirst95),
        ["by_attack"] = Rows(detection.ByAttack),
        ["by_technique"] = Rows(detection.ByTechnique),
        ["first_found_by"] = Counts(detection.FirstFoundBy.Select(s => (ReplayText.Source(s.Source), (long)s.Count))),
        ["found_by"] = Counts(detection.FoundBy.Select(s => (ReplayText.Source(s.Source), (long)s.Count))),
        ["missed"] = JsonText.Array(detection.Missed),
    };

    static JsonArray Rows(IEnumerable<DetectionRow> rows) => new([.. rows.Select(row => new JsonObject
    {
        ["name"] = row.Name,
        ["cases"] = row.Cases,
        ["found"] = row.Found,
        ["share"] = row.Share,
        ["interval"] = Of(row.Interval),
    })]);

    static JsonArray Of(Interval interval) => [JsonText.Number(interval.Lower), JsonText.Number(interval.Upper)];

    static JsonObject Counts(IEnumerable<(string Name, long Count)> counts) =>
        new(counts.Select(count => KeyValuePair.Create(count.Name, (JsonNode?)JsonValue.Create(count.Count))));
}
