using System.Text.Json.Nodes;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>The stable fields of alerts, anomalies and processes for machines; README.md lists them.</summary>
static class AlertJson
{
    /// <summary>The alert, told by its worst anomaly: <c>time_unix_ns</c> is when that happened.</summary>
    public static JsonObject Of(Alert alert)
    {
        var fields = new JsonObject
        {
            ["id"] = alert.Id,
            ["state"] = Words.Of(alert.State),
            ["kind_of_alert"] = Words.Of(alert.Kind),
            ["reason"] = alert.Reason,
            ["folded_into"] = alert.FoldedInto,
            ["fleet"] = alert.Fleet is not { } fleet ? null : new JsonObject
            {
                ["containers"] = fleet.Containers,
                ["live"] = fleet.Live,
                ["live_with"] = fleet.LiveWith,
                ["folded"] = fleet.Folded,
                ["version"] = fleet.Version,
            },
            ["count"] = alert.Count,
            ["first_unix_ns"] = alert.FirstUnixNs,
            ["last_unix_ns"] = alert.LastUnixNs,
            ["received_unix_ns"] = alert.ReceivedUnixNs,
            ["revision"] = alert.Revision,
            ["decision"] = alert.Decision is not { } decision ? null : new JsonObject
            {
                ["user"] = decision.User,
                ["reason"] = decision.Reason,
                ["time_unix_ns"] = decision.TimeUnixNs,
                ["override_id"] = decision.OverrideId,
                ["expires_unix_ns"] = decision.ExpiresUnixNs,
            },
        };
        AddAnomaly(fields, alert.Worst ?? new Anomaly());
        return fields;
    }

    public static JsonObject Of(Anomaly anomaly)
    {
        var fields = new JsonObject();
        AddAnomaly(fields, anomaly);
        return fields;
    }

    /// <param name="number">Its place in the order the collector received them: what `alerts allow --member` takes.</param>
    /// <param name="anomaly">One of an alert's.</param>
    public static JsonObject OfMember(int number, Anomaly anomaly)
    {
        var fields = new JsonObject { ["member"] = number };
        AddAnomaly(fields, anomaly);
        return fields;
    }

    public static JsonObject Of(Process process) => new()
    {
        ["pid"] = process.Pid,
        ["start_unix_ns"] = process.StartUnixNs,
        ["parent_pid"] = process.ParentPid,
        ["exe"] = process.Exe,
        ["args"] = JsonText.Array(process.Args),
        ["args_truncated"] = process.ArgsTruncated,
        ["uid"] = process.Uid,
        ["comm"] = process.Comm,
        ["seen_from_birth"] = process.SeenFromBirth,
        ["exe_not_in_image"] = process.ExeNotInImage,
        ["exe_memfd"] = process.ExeMemfd,
        ["exe_deleted"] = process.ExeDeleted,
    };

    static JsonObject Of(Contribution step) => new()
    {
        ["time_unix_ns"] = step.TimeUnixNs,
        ["class"] = Words.Of(step.Class),
        ["behaviour"] = step.Behaviour,
        ["mark"] = step.Mark,
        ["score"] = JsonText.Number(step.Score),
        ["bits"] = JsonText.Number(step.Bits),
    };

    static void AddAnomaly(JsonObject fields, Anomaly anomaly)
    {
        var container = anomaly.Container ?? new Container();
        var explanation = anomaly.Explanation ?? new Explanation();
        fields["time_unix_ns"] = anomaly.TimeUnixNs;
        fields["node"] = anomaly.Node;
        fields["namespace"] = container.Workload?.Namespace ?? "";
        fields["image"] = container.Workload?.Image ?? "";
        fields["tag"] = container.Tag;
        fields["digest"] = container.Digest;
        fields["container_id"] = container.Id;
        fields["container_name"] = container.Name;
        fields["pod"] = container.Pod;
        fields["kind"] = Words.Of(anomaly.Kind);
        fields["class"] = Words.Of(anomaly.Class);
        fields["subject"] = anomaly.Subject;
        fields["peer"] = anomaly.Peer;
        fields["peer_name"] = anomaly.PeerName;
        fields["port"] = anomaly.Port;
        fields["behaviour"] = anomaly.Behaviour;
        fields["behaviour_key"] = Words.Key(anomaly.BehaviourKey);
        fields["summary"] = anomaly.Summary;
        fields["rule"] = anomaly.Rule;
        fields["technique"] = anomaly.Technique;
        fields["score"] = JsonText.Number(explanation.Score);
        fields["mark"] = explanation.Mark;
        fields["nearest"] = JsonText.Array(explanation.Nearest);
        fields["new_at_level"] = explanation.NewAtLevel;
        fields["model_state"] = explanation.State;
        fields["would_become_known"] = explanation.WouldBecomeKnown;
        fields["class_rate_per_day"] = JsonText.Number(explanation.ClassRatePerDay);
        fields["evidence_fraction"] = JsonText.Number(explanation.EvidenceFraction);
        fields["bits"] = JsonText.Number(explanation.Bits);
        fields["context"] = explanation.Context;
        fields["version"] = explanation.Version;
        fields["role"] = explanation.Role;
        fields["contributions"] = new JsonArray([.. explanation.Contributions.Select(Of)]);
        fields["evidence_bits"] = JsonText.Number(explanation.EvidenceBits);
        fields["evidence_bound"] = JsonText.Number(explanation.EvidenceBound);
        fields["strict_lock"] = anomaly.StrictLock;
        fields["unverified"] = anomaly.Unverified;
        fields["return_code"] = anomaly.ReturnCode;
        fields["process"] = anomaly.Process is null ? null : Of(anomaly.Process);
        fields["ancestors"] = new JsonArray([.. anomaly.Ancestors.Select(Of)]);
        fields["losses"] = CoverageText.Losses(anomaly.Losses);
        fields["time_scale"] = JsonText.Number(anomaly.TimeScale);
    }
}
