using System.Text.Json;
using System.Text.Json.Serialization;

namespace RuntimeGuard.Agent;

/// <summary>
/// Every setting of the agent: unit in its name, default beside it, validated once at start and not changed after.
/// Settable because the source-generated reader gives init-only properties their type's default instead of ours.
/// </summary>
sealed record AgentOptions
{
    /// <summary>Identity, spool, baselines and the coverage mark live here; created with mode 0700.</summary>
    public string DataDirectory { get; set; } = "/var/lib/runtimeguard/agent";

    /// <summary>HOST:PORT of the collector's agent port.</summary>
    public string Collector { get; set; } = "";

    /// <summary>File with the join token; needed only until the node has its certificate.</summary>
    public string? TokenFile { get; set; }

    /// <summary>This node's name; the certificate's subject once enrolled.</summary>
    public string Node { get; set; } = Environment.MachineName;

    /// <summary>unix:///PATH of the container runtime's CRI socket; empty: the well-known places are tried.</summary>
    public string? CriEndpoint { get; set; }

    /// <summary>A collector that scales time (tests, demo) is refused without this.</summary>
    public bool AllowTimeScale { get; set; }

    /// <summary>Anomalies wait on disk for the collector up to this size; then the newest are dropped and a gap is recorded.</summary>
    public int AnomalySpoolMebibytes { get; set; } = 64;

    /// <summary>Records wait on disk for the collector up to this size; then the newest are dropped and a gap is recorded.</summary>
    public int RecordSpoolMebibytes { get; set; } = 256;

    /// <summary>Longest a container's events wait for its identity and its workload's model.</summary>
    public int IdentityDeadlineMilliseconds { get; set; } = 5000;

    public int HeartbeatSeconds { get; set; } = 5;

    /// <summary>Words that make the value of a flag or variable a secret, beside the built-in ones.</summary>
    public IReadOnlyList<string> RedactNames { get; set; } = [];

    /// <summary>Regular expressions whose matches in an argument are secrets, beside the built-in shapes.</summary>
    public IReadOnlyList<string> RedactPatterns { get; set; } = [];

    /// <summary>Reads a JSON file of these settings. Unknown names are errors: a misspelt setting must not be ignored.</summary>
    /// <exception cref="OptionsException">The file cannot be read or is not valid; names file, place and remedy.</exception>
    public static AgentOptions Load(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return JsonSerializer.Deserialize(file, AgentJson.Default.AgentOptions)
                ?? throw new OptionsException($"{path}: is empty; write a JSON object of settings");
        }
        catch (JsonException e)
        {
            throw new OptionsException($"{path}:{e.LineNumber + 1}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"cannot read {path}: {e.Message}");
        }
    }

    /// <exception cref="OptionsException">A value is out of range; names the setting and what it takes.</exception>
    public AgentOptions Validate()
    {
        Require(Path.IsPathFullyQualified(DataDirectory), "--data-dir", DataDirectory, "an absolute path");
        Require(TryParseEndpoint(Collector, out _, out _), "--collector", Collector, "HOST:PORT, e.g. collector.example:7443");
        Require(IsNodeName(Node), "--node", Node, "1 to 63 letters, digits, '.', '-' or '_'");
        Require(CriEndpoint is null || CriEndpoint.StartsWith("unix:///", StringComparison.Ordinal),
            "--cri-endpoint", CriEndpoint, "unix:///PATH");
        Require(AnomalySpoolMebibytes is >= 1 and <= 65536, "anomalySpoolMebibytes", AnomalySpoolMebibytes, "1 to 65536");
        Require(RecordSpoolMebibytes is >= 1 and <= 65536, "recordSpoolMebibytes", RecordSpoolMebibytes, "1 to 65536");
        Require(IdentityDeadlineMilliseconds is >= 100 and <= 60000, "identityDeadlineMilliseconds",
            IdentityDeadlineMilliseconds, "100 to 60000");
        Require(HeartbeatSeconds is >= 1 and <= 60, "heartbeatSeconds", HeartbeatSeconds, "1 to 60");
        return this;
    }

    public static bool TryParseEndpoint(string text, out string host, out int port)
    {
        var colon = text.LastIndexOf(':');
        host = colon > 0 ? text[..colon].Trim('[', ']') : "";
        port = 0;
        return colon > 0 && int.TryParse(text[(colon + 1)..], out port) && port is > 0 and < 65536
            && Uri.CheckHostName(host) != UriHostNameType.Unknown;
    }

    static bool IsNodeName(string name) =>
        name.Length is > 0 and <= 63 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    static void Require(bool holds, string setting, object? value, string expected)
    {
        if (!holds)
            throw new OptionsException($"{setting} is '{value}'; it takes {expected}");
    }
}

/// <summary>A setting cannot be used; the message names it and the remedy.</summary>
sealed class OptionsException(string message) : Exception(message);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip)]
[JsonSerializable(typeof(AgentOptions))]
sealed partial class AgentJson : JsonSerializerContext;
