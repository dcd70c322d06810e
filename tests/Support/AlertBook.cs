using System.Text.Json;

namespace RuntimeGuard.Tests.Support;

/// <summary>One anomaly as rgctl shows it, and the alert it belongs to.</summary>
public sealed record ShownAnomaly(JsonElement Json, JsonElement Alert)
{
    public string this[string field] => Json.GetProperty(field).GetString() ?? "";

    public string AlertId => Alert.GetProperty("id").GetString()!;

    public long TimeUnixNs => Json.GetProperty("time_unix_ns").GetInt64();

    /// <summary>Tells it from every other: the same anomaly twice would have the same.</summary>
    public string Identity => $"{this["node"]} {TimeUnixNs} {this["container_id"]} {this["kind"]} {this["subject"]} " +
        Json.GetProperty("process").GetProperty("pid");

    public override string ToString() => $"{this["namespace"]}/{this["image"]} {this["kind"]} {this["subject"]} [{this["rule"]}] {this["summary"]}";
}

/// <summary>
/// Reads alerts the way an analyst does, `alerts list` and then `alerts show` of those that changed. Of what a fleet does, the
/// incidents that are folded into it: its members are theirs. One test at a time.
/// </summary>
public sealed class AlertBook(Installation installation)
{
    readonly Dictionary<string, (long Revision, ShownAnomaly[] Members)> _shown = [];
    DateTime _readAt;

    /// <summary>Every anomaly of every alert.</summary>
    public async Task<IReadOnlyList<ShownAnomaly>> ReadAsync(TimeSpan? maxAge = null)
    {
        if (maxAge is null || DateTime.UtcNow - _readAt > maxAge)
            await RefreshAsync();
        return [.. _shown.Values.SelectMany(s => s.Members)];
    }

    /// <summary>The first anomaly that is as described, waiting for it.</summary>
    public async Task<ShownAnomaly> FindAsync(string what, Func<ShownAnomaly, bool> match)
    {
        IReadOnlyList<ShownAnomaly> last = [];
        try
        {
            return await Eventually.GetAsync(what, async () =>
            {
                installation.MustRun();
                last = await ReadAsync(TimeSpan.FromMilliseconds(500));
                return last.FirstOrDefault(match);
            });
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\nthere are:\n{string.Join('\n', last)}\n{installation.Logs()}");
        }
    }

    async Task RefreshAsync()
    {
        await RefreshAsync([]);
        _readAt = DateTime.UtcNow;
    }

    async Task RefreshAsync(string[] filter)
    {
        var list = await installation.AskAsync(["alerts", "list", "--limit", "1000", .. filter]);
        foreach (var alert in list.GetProperty("alerts").EnumerateArray())
        {
            var id = alert.GetProperty("id").GetString()!;
            var revision = alert.GetProperty("revision").GetInt64();
            var kind = alert.GetProperty("kind_of_alert").GetString();
            if (kind == "fleet")
                await RefreshAsync(["--folded-into", id]);
            if (kind != "incident" || (_shown.TryGetValue(id, out var known) && known.Revision == revision))
                continue;
            var detail = await installation.AskAsync("alerts", "show", id);
            ShownAnomaly[] members = [.. detail.GetProperty("members").EnumerateArray().Select(m => new ShownAnomaly(m, alert))];
            _shown[id] = (revision, members);
        }
    }
}
