using Google.Protobuf.Collections;
using RuntimeGuard.Proto.Cri;
using Container = RuntimeGuard.Proto.Container;
using ContainerStatus = RuntimeGuard.Proto.Cri.ContainerStatus;
using CriContainer = RuntimeGuard.Proto.Cri.Container;

namespace RuntimeGuard.Agent.Containers;

/// <summary>Turns what a CRI says into facts. Pure: every text is cut and cleaned, what cannot be true gives null.</summary>
sealed class CriFacts(ContainerCounters counters)
{
    /// <summary>The image every sandbox is taken for: its real one is the runtime's choice, not the workload's.</summary>
    public const string SandboxImage = "pause";

    static readonly string[] JobLabels = ["batch.kubernetes.io/job-name", "job-name"];

    /// <summary>
    /// Null when the answers are not of that container, or no namespace is in them. A missing status, sandbox or image
    /// only leaves fields empty.
    /// </summary>
    public Container? OfContainer(CriContainer listed, ContainerStatus? status, PodSandboxStatus? sandbox, Image? image)
    {
        if ((status is not null && status.Id != listed.Id) || (sandbox is not null && sandbox.Id != listed.PodSandboxId))
            return null;
        var facts = Pod(listed.Id, sandbox?.Metadata, listed.Labels, sandbox?.Labels);
        if (facts is null)
            return null;
        facts.Name = Name(Label(listed.Labels, "io.kubernetes.container.name") ?? listed.Metadata?.Name);
        facts.StartedUnixNs = Math.Max(0, status is { StartedAt: > 0 } ? status.StartedAt : listed.CreatedAt);
        string[] asked =
        [
            listed.Image?.UserSpecifiedImage ?? "", status?.Image?.UserSpecifiedImage ?? "", listed.Image?.Image ?? "",
            status?.Image?.Image ?? "", status?.ImageRef ?? "", listed.ImageRef, image?.Id ?? "",
        ];
        ImageFacts.Set(facts, asked, image?.RepoTags ?? [], image?.RepoDigests ?? []);
        return facts;
    }

    public Container? OfSandbox(string id, PodSandboxStatus sandbox)
    {
        if (sandbox.Id != id || Pod(id, sandbox.Metadata, sandbox.Labels, sandbox.Labels) is not { } facts)
            return null;
        facts.Name = "pause";
        facts.Workload.Image = SandboxImage;
        facts.StartedUnixNs = Math.Max(0, sandbox.CreatedAt);
        return facts;
    }

    Container? Pod(
        string id, PodSandboxMetadata? metadata, MapField<string, string> labels, MapField<string, string>? podLabels)
    {
        var ns = Name(metadata?.Namespace ?? Label(labels, "io.kubernetes.pod.namespace"));
        if (ns.Length == 0)
            return null;
        return new()
        {
            Id = id,
            Workload = new() { Namespace = ns },
            Pod = Name(metadata?.Name ?? Label(labels, "io.kubernetes.pod.name")),
            PodUid = Name(metadata?.Uid ?? Label(labels, "io.kubernetes.pod.uid")),
            Runtime = "cri",
            RunsToCompletion = podLabels is not null && JobLabels.Any(podLabels.ContainsKey),
        };
    }

    string Name(string? text)
    {
        var clean = RuntimeText.Clean(text, RuntimeText.MaxName, out var changed);
        if (changed)
            counters.Add(ContainerCounter.TextNeutralised);
        return clean;
    }

    static string? Label(MapField<string, string> labels, string key) => labels.TryGetValue(key, out var value) ? value : null;
}
