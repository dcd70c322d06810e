using System.Globalization;
using System.Text.Json;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// What runc wrote down about a container: for containers no daemon knows, and for the CRI's while the daemon is away.
/// </summary>
sealed class RuncState(ContainerCounters counters)
{
    const int MaxBytes = 1 << 20;

    static readonly JsonDocumentOptions Json = new() { MaxDepth = 32 };

    /// <summary>
    /// Reads <c>ROOT/ID/state.json</c>, or null when there is none. A file that is too large, is no JSON or is of another
    /// container is refused and counted.
    /// </summary>
    public async Task<Container?> FindAsync(string root, string id, CancellationToken cancellationToken) =>
        await LoadAsync(root, id, cancellationToken) is { } state ? Read(state, id) : null;

    /// <summary>
    /// When runc had made the container: its root file system was complete, and nothing of it had run. Kept out of its
    /// reach. 0 when runc made none of that id.
    /// </summary>
    public async Task<long> MadeUnixNsAsync(string root, string id, CancellationToken cancellationToken)
    {
        if (await LoadAsync(root, id, cancellationToken) is not { } state)
            return 0;
        try
        {
            using var document = JsonDocument.Parse(state, Json);
            return Text(document.RootElement, "id") == id ? CreatedUnixNs(document.RootElement) : 0;
        }
        catch (JsonException)
        {
            Refuse();
            return 0;
        }
    }

    /// <summary>The text of a state file; null when there is none, or it is refused.</summary>
    async Task<byte[]?> LoadAsync(string root, string id, CancellationToken cancellationToken)
    {
        if (!CgroupPath.IsContainerId(id))
            return null;
        try
        {
            var file = new FileInfo(Path.Combine(root, id, "state.json"));
            if (!file.Exists || file.LinkTarget is not null)
                return null;
            if (file.Length is > 0 and <= MaxBytes)
            {
                await using var stream = file.OpenRead();
                var bytes = new byte[file.Length];
                await stream.ReadExactlyAsync(bytes, cancellationToken);
                return bytes;
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Counted below with what is too large.
        }
        Refuse();
        return null;
    }

    /// <summary>Reads the text of a state file; null and counted when it cannot be that container's.</summary>
    public Container? Read(ReadOnlyMemory<byte> state, string id)
    {
        try
        {
            using var document = JsonDocument.Parse(state, Json);
            var top = document.RootElement;
            if (Text(top, "id") != id || !top.TryGetProperty("config", out var config))
                return Refuse();
            return Of(id, top, config);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Refuse();
        }
    }

    Container? Of(string id, JsonElement top, JsonElement config)
    {
        var labels = Labels(config);
        var facts = new Container
        {
            Id = id,
            Name = Clean(labels.GetValueOrDefault("io.kubernetes.cri.container-name", id), RuntimeText.MaxName),
            Runtime = "runc",
            Workload = new() { Namespace = "runc" },
            StartedUnixNs = CreatedUnixNs(top),
        };
        if (labels.TryGetValue("io.kubernetes.cri.container-type", out var type))
            return OfCri(facts, type, labels);
        var bundle = labels.GetValueOrDefault("bundle") ?? Text(config, "rootfs");
        if (string.IsNullOrEmpty(bundle))
            return Refuse();
        facts.Workload.Image = $"bundle:{Clean(bundle, RuntimeText.MaxImage)}";
        return facts;
    }

    Container? OfCri(Container facts, string type, Dictionary<string, string> labels)
    {
        // Older containerd writes no namespace here: then there is no telling whose it is.
        var ns = Clean(labels.GetValueOrDefault("io.kubernetes.cri.sandbox-namespace", ""), RuntimeText.MaxName);
        if (ns.Length == 0)
            return null;
        facts.Runtime = "cri";
        facts.Workload.Namespace = ns;
        facts.Pod = Clean(labels.GetValueOrDefault("io.kubernetes.cri.sandbox-name", ""), RuntimeText.MaxName);
        facts.PodUid = Clean(labels.GetValueOrDefault("io.kubernetes.cri.sandbox-uid", ""), RuntimeText.MaxName);
        if (type == "sandbox")
        {
            (facts.Name, facts.Workload.Image) = ("pause", CriFacts.SandboxImage);
            return facts;
        }
        if (!labels.TryGetValue("io.kubernetes.cri.image-name", out var image))
            return null;
        ImageFacts.Set(facts, [image], [], []);
        return facts;
    }

    static long CreatedUnixNs(JsonElement top) => DateTimeOffset.TryParse(Text(top, "created"), CultureInfo.InvariantCulture, out var created)
        ? Math.Max(0, (created - DateTimeOffset.UnixEpoch).Ticks) * TimeSpan.NanosecondsPerTick
        : 0;

    /// <summary>runc keeps the bundle and every OCI annotation as a list of "key=value".</summary>
    static Dictionary<string, string> Labels(JsonElement config)
    {
        var labels = new Dictionary<string, string>();
        if (!config.TryGetProperty("labels", out var list) || list.ValueKind != JsonValueKind.Array)
            return labels;
        foreach (var item in list.EnumerateArray().Take(256))
        {
            if (item.ValueKind == JsonValueKind.String && item.GetString() is { } text
                && text.IndexOf('=', StringComparison.Ordinal) is var at and > 0)
                labels.TryAdd(text[..at], text[(at + 1)..]);
        }
        return labels;
    }

    static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    string Clean(string text, int max)
    {
        var clean = RuntimeText.Clean(text, max, out var changed);
        if (changed)
            counters.Add(ContainerCounter.TextNeutralised);
        return clean;
    }

    Container? Refuse()
    {
        counters.Add(ContainerCounter.RuntimeRejected);
        return null;
    }
}
