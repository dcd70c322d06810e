using Google.Protobuf.Collections;

namespace RuntimeGuard.Agent.Containers;

/// <summary>What a pod belongs to, by its name and the labels its controllers set: equal for every replica and every rollout.</summary>
static class PodOwner
{
    const int RandomSuffix = 5;

    /// <summary>Deployment, stateful set, daemon set, job or cron job; the pod's own name when it belongs to nothing.</summary>
    public static string Of(string pod, MapField<string, string> labels)
    {
        if (labels.TryGetValue("pod-template-hash", out var template) && template.Length > 0
            && pod.LastIndexOf($"-{template}-", StringComparison.Ordinal) is > 0 and var at)
            return pod[..at];
        if (labels.ContainsKey("statefulset.kubernetes.io/pod-name"))
            return WithoutNumber(pod);
        foreach (var label in (ReadOnlySpan<string>)["batch.kubernetes.io/job-name", "job-name"])
        {
            // A cron job's jobs are named after it and the minute.
            if (labels.TryGetValue(label, out var job) && job.Length > 0)
                return WithoutNumber(job);
        }
        return labels.ContainsKey("controller-revision-hash") && pod.Length > RandomSuffix + 1 && pod[^(RandomSuffix + 1)] == '-'
            ? pod[..^(RandomSuffix + 1)]
            : pod;
    }

    static string WithoutNumber(string name)
    {
        var dash = name.LastIndexOf('-');
        return dash > 0 && dash < name.Length - 1 && !name.AsSpan(dash + 1).ContainsAnyExceptInRange('0', '9') ? name[..dash] : name;
    }
}
