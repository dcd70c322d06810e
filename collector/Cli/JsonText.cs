using System.Text.Json;
using System.Text.Json.Nodes;

namespace RuntimeGuard.Cli;

/// <summary>
/// Answers for machines: one object, or one object per line. The encoder writes everything outside printable ASCII as
/// <c>\uXXXX</c>, so a terminal that is shown JSON is as safe as one that is shown a table, and nothing is lost.
/// </summary>
static class JsonText
{
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static void Write(Terminal terminal, OutputFormat format, JsonObject value) =>
        terminal.Out.WriteLine(format == OutputFormat.Json ? value.ToJsonString(Indented) : value.ToJsonString());

    /// <summary>As lines: the items alone, the rest to standard error would be noise. As one object: the items under their name, then the rest.</summary>
    public static void WriteList(Terminal terminal, OutputFormat format, string name, IEnumerable<JsonObject> items, JsonObject rest)
    {
        if (format == OutputFormat.JsonLines)
        {
            foreach (var item in items)
            {
                Write(terminal, format, item);
            }

            return;
        }

        var answer = new JsonObject { [name] = new JsonArray([.. items]) };
        foreach (var (key, value) in rest.ToList())
        {
            rest.Remove(key);
            answer[key] = value;
        }

        Write(terminal, format, answer);
    }

    /// <summary>JSON has no infinity; a number that is none is null.</summary>
    public static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    public static JsonArray Array(IEnumerable<string> values) => new([.. values.Select(value => (JsonNode)JsonValue.Create(value)!)]);
}
