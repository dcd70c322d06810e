namespace RuntimeGuard.Models.Replay;

/// <summary>A container as a recording names it. Compared by reference within one pass, by (node, id) across passes.</summary>
/// <param name="Image">As recorded, with its tag.</param>
/// <param name="StartedNs">Unix nanoseconds; 0 when not known.</param>
public sealed record RecordedContainer(
    string Node, string Namespace, string Image, string Digest, string Id, string Name, string Pod, long StartedNs)
{
    /// <summary>Longest of each text, in bytes.</summary>
    public const int LongestText = 512;

    const long StartPhaseNs = 600_000_000_000;

    /// <summary>Its unit of learning is the run.</summary>
    public bool RunsToCompletion { get; init; }

    /// <summary>Secrets mounts inside it, absolute.</summary>
    public IReadOnlyList<string> SecretMounts { get; init; } = [];

    public WorkloadKey Workload { get; } = new(Namespace, Repository(Image));

    public string Version { get; } = Digest.Length > 0 ? Digest : Image[Repository(Image).Length..].TrimStart(':', '@');

    /// <summary>
    /// What the models need of it. Its start-up was seen when the first event came within the start-up phase, which is
    /// the same ten minutes the models give it.
    /// </summary>
    public ContainerFacts Facts(long firstEventNs) => new(Workload, Id, Version, StartedNs)
    {
        RunsToCompletion = RunsToCompletion,
        SeenFromBirth = StartedNs > 0 && firstEventNs >= StartedNs && firstEventNs - StartedNs < StartPhaseNs,
        SecretMounts = SecretMounts,
    };

    /// <summary>"docker.io/library/nginx" of "docker.io/library/nginx:1.25@sha256:…"; a port of the registry is no tag.</summary>
    static string Repository(string image)
    {
        var at = image.IndexOf('@', StringComparison.Ordinal);
        var named = at < 0 ? image : image[..at];
        var colon = named.LastIndexOf(':');
        return colon > named.LastIndexOf('/') && colon > 0 ? named[..colon] : named;
    }
}
