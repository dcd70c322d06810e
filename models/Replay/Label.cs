using System.Text.Json;

namespace RuntimeGuard.Models.Replay;

/// <summary>An attack step that is known to lie in a recording: what alarms between its times on its container is found.</summary>
/// <param name="Technique">ATT&amp;CK technique, "T1059.004".</param>
/// <param name="Attack">Kind of attack, as rows of the report.</param>
/// <param name="Incident">Joins the steps of one intrusion; a label without one is an incident of its own.</param>
public sealed record Label(string ContainerId, long FromNs, long ToNs, string Technique, string Attack, string Incident);

/// <summary>The labels of one recording.</summary>
public sealed class Labels
{
    const int LongestLine = 16 * 1024;
    const int LongestText = 512;
    const int Most = 1 << 20;
    const string Schema =
        "write {\"container_id\":…,\"from_unix_ns\":…,\"to_unix_ns\":…,\"technique\":…,\"attack\":…} and, to join steps, \"incident\"";

    readonly Dictionary<string, List<Label>> _byContainer = [];

    public Labels(IEnumerable<Label> labels)
    {
        All = [.. labels];
        foreach (var label in All)
        {
            if (!_byContainer.TryGetValue(label.ContainerId, out var list))
                _byContainer.Add(label.ContainerId, list = []);
            list.Add(label);
        }
    }

    public static Labels None { get; } = new([]);

    public IReadOnlyList<Label> All { get; }

    /// <summary>The labels that hold on the container at the time.</summary>
    public IEnumerable<Label> At(string containerId, long timeNs) =>
        _byContainer.TryGetValue(containerId, out var list)
            ? list.Where(label => timeNs >= label.FromNs && timeNs <= label.ToNs)
            : [];

    /// <summary>Labels as JSON lines.</summary>
    /// <exception cref="ReplayException">A line cannot be used.</exception>
    public static Labels Read(Stream stream)
    {
        var lines = new LineReader(stream, LongestLine);
        var labels = new List<Label>();
        while (lines.TryNext(out var line))
        {
            labels.Add(Parse(line, lines.Lines));
            if (labels.Count > Most)
                throw new ReplayException($"line {lines.Lines}", $"is more than the {Most} labels of one replay", "split the recording");
        }
        return new Labels(labels);
    }

    static Label Parse(ReadOnlySpan<byte> line, long number)
    {
        try
        {
            var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = 8 });
            using var document = JsonDocument.ParseValue(ref reader);
            if (reader.Read() || document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ReplayException($"line {number}", "is not one JSON object", Schema);
            var root = document.RootElement;
            var (from, to) = (Time(root, "from_unix_ns", number), Time(root, "to_unix_ns", number));
            if (to < from)
                throw new ReplayException($"line {number}", "to_unix_ns lies before from_unix_ns", Schema);
            var attack = Text(root, "attack", number, required: true);
            var incident = Text(root, "incident", number, required: false);
            return new Label(Text(root, "container_id", number, required: true), from, to,
                Text(root, "technique", number, required: false), attack,
                incident.Length > 0 ? incident : $"{attack} of line {number}");
        }
        catch (JsonException error)
        {
            throw new ReplayException($"line {number}", $"is no valid JSON at byte {error.BytePositionInLine}", Schema, error);
        }
        catch (InvalidOperationException error)
        {
            throw new ReplayException($"line {number}", "holds an escape that is no character (half a surrogate pair)",
                "write the text as UTF-8", error);
        }
    }

    static long Time(JsonElement root, string field, long number) =>
        root.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var time)
            && time >= 0
            ? time
            : throw new ReplayException($"line {number}", $"{field} is no whole number of nanoseconds", Schema);

    static string Text(JsonElement root, string field, long number, bool required)
    {
        var text = root.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        if (required && text.Length == 0)
            throw new ReplayException($"line {number}", $"{field} is missing", Schema);
        return text.Length <= LongestText ? text
            : throw new ReplayException($"line {number}", $"{field} is longer than {LongestText} characters", Schema);
    }
}
