using System.Text.Json;
using System.Text.RegularExpressions;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

/// <summary>
/// One workload from its first event on, on a clock on which an hour takes a quarter of a second: three replicas of a worker that
/// does the same thing every hour, and what it is told to in between.
/// </summary>
[Trait("Category", "EndToEnd")]
public sealed class JourneyTests : IAsyncLifetime
{
    const int TimeScale = 14_400;
    const string Node = "node-j", Workload = $"jobs/{TestImages.ShopRepository}";

    /// <summary>A model-hour and a little more: two things this far apart lie in two of them.</summary>
    static readonly TimeSpan Hour = TimeSpan.FromSeconds(0.3);

    readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("rg-work-");
    readonly List<PodContainer> _replicas = [];
    ContainerHost _host = null!;
    Installation _product = null!;
    AlertBook _alerts = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await ContainerHost.StartAsync();
        _product = await Installation.StartAsync(_host.CriEndpoint, TimeScale);
        _alerts = new(_product);
        await _product.StartAgentAsync(Node);
        await _product.WatchesAsync(Node);
        for (var replica = 0; replica < 3; replica++)
        {
            _work.CreateSubdirectory($"{replica}");
            _replicas.Add(await _host.RunPodAsync(new("jobs", TestImages.Shop, "/bin/sh", "-c",
                "while :; do date > /tmp/now; if [ -s /work/do ]; then . /work/do; : > /work/do; fi; sleep 0.1; done")
            {
                Mounts = new Dictionary<string, string> { [Path.Combine(_work.FullName, $"{replica}")] = "/work" },
            }));
        }
        await _product.WatchesAsync(Node, [.. _replicas.Select(replica => replica.Id)]);
    }

    public async ValueTask DisposeAsync()
    {
        if (_product is not null)
            await _product.DisposeAsync();
        if (_host is not null)
            await _host.DisposeAsync();
        _work.Delete(recursive: true);
    }

    [Fact]
    public async Task It_learns_until_it_knows_enough_tells_of_small_steps_obeys_a_person_and_follows_a_change()
    {
        // Started and told to do nothing on two days: what is done on one day alone leaves the calendar open.
        await EveryReplicaAsync(":");
        await StateAsync("exec", "operational");
        await _replicas[2].RestartAsync();
        await _product.WatchesAsync(Node, _replicas[2].Id);
        await EveryReplicaAsync(":");
        await StateAsync("exec", "operational", "calendar_complete");
        await StateAsync("file_write", "operational", "calendar_complete");
        var known = (await _product.RgctlAsync("workloads", "show", Workload)).Out;
        Assert.True(Regex.IsMatch(known, @"exec: operational, 0 new behaviours per container-day \(95 % ≤ 0\.\d+\)"), known);
        Assert.Empty(await _alerts.ReadAsync());

        var alert = await DeviateAsync();
        await AddUpAsync();
        await AllowAsync(alert);
        await DriftAsync();
    }

    /// <summary>One thing that is rare enough by itself, with all that explains it.</summary>
    async Task<ShownAnomaly> DeviateAsync()
    {
        await DoAsync(0, "nc -h");
        var alert = await _alerts.FindAsync("a net tool alerts", a => IsExec(a, "nc"));
        Assert.Equal(_replicas[0].Id, alert["container_id"]);
        Assert.Equal("", alert["rule"]);
        var shown = (await _product.RgctlAsync("alerts", "show", alert.AlertId)).Out;
        Assert.Matches(@"0\.00\d+ benign occurrences per container-day", shown);
        Assert.Contains("net-tool", shown, StringComparison.Ordinal);
        Assert.Contains("date", shown[shown.IndexOf("nearest", StringComparison.Ordinal)..], StringComparison.Ordinal);
        return alert;
    }

    /// <summary>Steps of which none is worth an alarm, on another replica.</summary>
    async Task AddUpAsync()
    {
        ShownAnomaly? incident = null;
        foreach (var step in (string[])["ls /tmp", "echo x > /tmp/.cache", "chmod 600 /tmp/.cache", "mv /tmp/.cache /tmp/.c", "head -c 1 /etc/group", "rm /tmp/.c"])
        {
            await DoAsync(1, step);
            await Task.Delay(4 * Hour);
            if ((incident = (await _alerts.ReadAsync()).FirstOrDefault(a => a["rule"] == "grey-zone")) is not null)
                break;
        }
        incident ??= await _alerts.FindAsync("small steps add up", a => a["rule"] == "grey-zone");
        Assert.Equal(_replicas[1].Id, incident["container_id"]);
        Assert.Single(await _alerts.ReadAsync(), a => a["container_id"] == _replicas[1].Id);
        Assert.True(incident.Json.GetProperty("evidence_bits").GetDouble() >= incident.Json.GetProperty("evidence_bound").GetDouble());
        Assert.True(incident.Json.GetProperty("contributions").GetArrayLength() >= 2, incident.Json.ToString());
        Assert.All(incident.Json.GetProperty("contributions").EnumerateArray(),
            step => Assert.InRange(step.GetProperty("score").GetDouble(), .01, 1));
        var shown = (await _product.RgctlAsync("alerts", "show", incident.AlertId)).Out;
        Assert.Matches(@"adds up +\d small deviations to \d+(\.\d+)? bits", shown);
    }

    async Task AllowAsync(ShownAnomaly alert)
    {
        await _product.AskAsync("alerts", "allow", alert.AlertId, "--reason", "the job probes its peers");
        await Eventually.HoldsAsync("what was allowed is silent on every replica", async () =>
        {
            var since = UnixNs();
            foreach (var replica in (int[])[0, 2])
                await DoAsync(replica, "nc -h");
            await JudgedAsync(0);
            await JudgedAsync(2);
            return !(await _alerts.ReadAsync()).Any(a => IsExec(a, "nc") && a.TimeUnixNs >= since);
        }, TimeSpan.FromSeconds(60));
    }

    /// <summary>Much that is new, on every replica and day after day, is found to be a change and becomes normal.</summary>
    async Task DriftAsync()
    {
        string[] words = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "larch"];
        var all = string.Join("; ", words.Select(word => $"mkdir -p /srv/{word}; echo x > /srv/{word}/{word}.dat"));
        for (var i = 0; i < words.Length; i++)
        {
            await DoAsync(i % 3, $"mkdir -p /srv/{words[i]}; echo x > /srv/{words[i]}/{words[i]}.dat");
            await Task.Delay(Hour);
        }
        var drifting = StateAsync("file_write", "drift");
        while (!drifting.IsCompleted)
            await EveryReplicaAsync(all);
        await drifting;
        await Eventually.HoldsAsync("what all replicas do is absorbed", async () =>
        {
            await EveryReplicaAsync(all);
            var baseline = await _product.AskAsync("baseline", "show", Workload);
            return baseline.GetProperty("behaviours").EnumerateArray().Any(b =>
                b.GetProperty("object").GetString()!.StartsWith("/srv/amber/", StringComparison.Ordinal) && b.GetProperty("learned").GetBoolean());
        }, TimeSpan.FromSeconds(90));
        Assert.Contains((await _product.AskAsync("workloads", "show", Workload)).GetProperty("audit").EnumerateArray(),
            entry => entry.GetProperty("action").GetString()!.StartsWith("absorb", StringComparison.Ordinal));
    }

    async Task EveryReplicaAsync(string script)
    {
        for (var replica = 0; replica < _replicas.Count; replica++)
            await DoAsync(replica, script);
    }

    /// <summary>Has a replica run a script, and waits until it has.</summary>
    async Task DoAsync(int replica, string script)
    {
        var order = Path.Combine(_work.FullName, $"{replica}", "do");
        await File.WriteAllTextAsync($"{order}.new", script + "\n");
        File.Move($"{order}.new", order, overwrite: true);
        await Eventually.HoldsAsync($"replica {replica} has done {script}", () => Task.FromResult(new FileInfo(order).Length == 0));
    }

    async Task JudgedAsync(int replica)
    {
        var mark = $"/etc/cron.d/probe-{Guid.NewGuid():N}";
        await DoAsync(replica, $"echo > {mark}");
        await _alerts.FindAsync($"the probe {mark} alerts", a => a["rule"] == "cron" && a["subject"] == mark);
    }

    async Task StateAsync(string behaviourClass, string state, string? flag = null)
    {
        var last = "";
        try
        {
            await Eventually.HoldsAsync($"{behaviourClass} is {state} {flag}", async () =>
            {
                _product.MustRun();
                var shown = await _product.RgctlAsync("workloads", "show", Workload, "-o", "json");
                if (shown.ExitCode != 0)
                    return false;
                using var document = JsonDocument.Parse(last = shown.Out);
                return document.RootElement.GetProperty("classes").EnumerateArray().Any(c =>
                    c.GetProperty("class").GetString() == behaviourClass && c.GetProperty("state").GetString() == state
                    && (flag is null || c.GetProperty(flag).GetBoolean()));
            }, TimeSpan.FromSeconds(240));
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\n{last}\n{(await _product.RgctlAsync("baseline", "show", Workload)).Out}\n{_product.Logs()}");
        }
    }

    static bool IsExec(ShownAnomaly anomaly, string name) =>
        anomaly["kind"] == "exec" && anomaly["subject"].StartsWith($"{name} ", StringComparison.Ordinal);

    static long UnixNs() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
}
