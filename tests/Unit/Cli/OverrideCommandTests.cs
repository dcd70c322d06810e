using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Unit.Cli;

/// <summary>What a platform owner and an analyst decide with rgctl, against a real collector.</summary>
public sealed class OverrideCommandTests : IAsyncLifetime
{
    const string Workload = "shop/nginx";
    RgctlBench _rgctl = null!;
    WireStream _stream = null!;

    public async ValueTask InitializeAsync()
    {
        _rgctl = await RgctlBench.StartAsync();
        _stream = await _rgctl.Collector.WatchingAsync("node-a", Behaviours.Nginx);
        await _stream.LearnAsync(Behaviours.Of("nginx", "/bin/known"), Behaviours.Of("nginx", "/bin/held", learned: false, quarantined: true));
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _rgctl.DisposeAsync();
    }

    [Fact]
    public async Task A_class_is_locked_frozen_and_unlocked_and_the_learning_time_prolonged()
    {
        await _rgctl.OutputAsync("workloads", "learn", Workload, "--duration", "2h");
        await _rgctl.OutputAsync("workloads", "lock", Workload, "--class", "exec", "net_out", "--reason", "known well");
        Assert.Contains("learning, exec locked by hand, net_out locked by hand", await _rgctl.OutputAsync("workloads", "list"));
        var shown = await _rgctl.OutputAsync("workloads", "show", Workload);
        Assert.Contains("  exec: locked by hand at ", shown);
        Assert.Contains("  dns: learning, needs about ", shown);
        Assert.Contains("exec: as the workload -> locked by hand", shown);
        await _rgctl.OutputAsync("workloads", "extend", Workload, "--for", "1h");
        var policies = (await _rgctl.JsonAsync("workloads", "show", Workload)).GetProperty("class_policies");
        Assert.Equal("locked_by_hand", policies[0].GetProperty("mode").GetString());
        Assert.Contains("is frozen with 2 behaviours", await _rgctl.OutputAsync("workloads", "freeze", Workload));
        Assert.Contains("learns, each class until its evidence suffices", await _rgctl.OutputAsync("workloads", "unlock", Workload));

        Assert.Equal(2, (await _rgctl.FailureAsync("workloads", "extend", Workload)).Code);
        var (code, error) = await _rgctl.FailureAsync("workloads", "extend", Workload, "--for", "1h");
        Assert.Equal(1, code);
        Assert.Contains("there is no time to prolong", error);
        (code, error) = await _rgctl.FailureAsync("workloads", "lock", Workload, "--class", "exce");
        Assert.Equal(2, code);
        Assert.Contains("--class is one of exec, file_write", error);
    }

    [Fact]
    public async Task A_behaviour_is_allowed_listed_and_retracted()
    {
        Assert.Contains("to review: quarantined: 1", await _rgctl.OutputAsync("workloads", "show", Workload));
        Assert.Contains("/bin/held", await _rgctl.OutputAsync("baseline", "show", Workload, "--quarantined"));
        Assert.DoesNotContain("/bin/known", await _rgctl.OutputAsync("baseline", "show", Workload, "--quarantined"));

        var set = await _rgctl.OutputAsync("baseline", "allow", Workload, "--class", "exec", "--actor", "nginx", "--object", "/bin/held",
            "--for", "30d", "--reason", "our own tool");

        Assert.Contains("allow of exec nginx -> /bin/held, until ", set);
        Assert.Contains("it would have removed 0 alerts and 0 anomalies", set);
        Assert.DoesNotContain("to review", await _rgctl.OutputAsync("workloads", "show", Workload));
        Assert.Contains("allowed: 1, denied: 0", await _rgctl.OutputAsync("workloads", "show", Workload));
        Assert.Contains("our own tool", await _rgctl.OutputAsync("baseline", "overrides", Workload));
        var one = Assert.Single((await _rgctl.JsonAsync("baseline", "overrides", Workload)).GetProperty("overrides").EnumerateArray());
        Assert.Equal("behaviour", one.GetProperty("scope").GetString());
        Assert.Equal(Behaviours.Key(BehaviourClass.Exec, "nginx", "/bin/held").ToString("x16", null), one.GetProperty("key").GetString());
        var id = one.GetProperty("id").GetString()!;
        Assert.StartsWith("retracted from 1 workload: allow of exec", await _rgctl.OutputAsync("baseline", "retract", Workload, id, "--reason", "mistaken"));
        Assert.StartsWith("nothing was allowed or denied", await _rgctl.OutputAsync("baseline", "overrides", Workload));
    }

    [Fact]
    public async Task A_star_makes_a_pattern_and_what_is_left_out_is_asked_for()
    {
        var set = await _rgctl.JsonAsync("baseline", "deny", Workload, "--class", "exec", "--actor", "*", "--object", "/bin/*", "--namespace-wide", "--reason", "x");
        Assert.Equal(("pattern", "deny", true), (set.GetProperty("scope").GetString(), set.GetProperty("kind").GetString(), set.GetProperty("whole_namespace").GetBoolean()));
        Assert.Equal(1, set.GetProperty("reach").GetProperty("workloads").GetInt32());

        var (code, error) = await _rgctl.FailureAsync("baseline", "allow", Workload, "--class", "exec", "--reason", "x");
        Assert.Equal(2, code);
        Assert.Contains("give --actor and --object, or --key", error);
        Assert.Equal(2, (await _rgctl.FailureAsync("baseline", "allow", Workload, "--class", "exec", "--actor", "a", "--object", "b")).Code);
        Assert.Equal(2, (await _rgctl.FailureAsync("baseline", "allow", Workload, "--class", "exec", "--key", "xyz", "--reason", "x")).Code);
        Assert.Equal(4, (await _rgctl.FailureAsync("baseline", "retract", Workload, "zzz", "--reason", "x")).Code);
    }

    [Fact]
    public async Task An_alert_is_allowed_by_the_number_of_its_anomaly_and_shows_who_decided()
    {
        var (first, second) = (CollectorItems.Anomaly(score: 0.01), CollectorItems.Anomaly(score: 0.5));
        (first.BehaviourKey, second.BehaviourKey, second.Behaviour) = (1, 2, "nginx > sh -> /usr/bin/tar");
        await _stream.SendAsync(1, first, second);
        await _stream.AckedAsync(Lane.Anomalies, 2);
        var id = (await _rgctl.JsonAsync("alerts", "list")).GetProperty("alerts")[0].GetProperty("id").GetString()!;
        Assert.Equal(2, (await _rgctl.JsonAsync("alerts", "show", id)).GetProperty("members")[1].GetProperty("member").GetInt32());

        var said = await _rgctl.OutputAsync("alerts", "allow", id, "--member", "2", "--this-version", "--for", "7d", "--reason", "backup of the shop");

        Assert.StartsWith($"alert {id} is allowed\n", said);
        Assert.Contains("allow of exec nginx > sh -> /usr/bin/tar in version 1.25@sha256:abc, until ", said);
        Assert.Contains("it would have removed 0 alerts and 1 anomalies", said);
        Assert.Contains("  decided   by admin, until ", await _rgctl.OutputAsync("alerts", "show", id));
        var denied = await _rgctl.JsonAsync("alerts", "deny", id, "--scope", "class", "--reason", "x");
        Assert.Equal("denied", denied.GetProperty("alert").GetProperty("state").GetString());
        Assert.Equal(2, (await _rgctl.FailureAsync("alerts", "allow", id, "--actor", "*", "--reason", "x")).Code);
        Assert.Equal(2, (await _rgctl.FailureAsync("alerts", "allow", id)).Code);
    }

    [Fact]
    public async Task History_is_judged_by_the_current_baseline_and_by_an_exported_one()
    {
        var now = CollectorItems.NowNs;
        await _stream.SendAsync(1, new Record { Container = CollectorItems.Container("c1") }, Activity("/bin/known", now), Activity("/bin/\u001b[2Jnew", now));
        await _stream.AckedAsync(Lane.Records, 3);

        var current = await _rgctl.OutputAsync("replay", "--history", Workload, "--since", "1h");
        Assert.StartsWith("would have fired: 1, here they are\n", current);
        Assert.Contains("nginx -> /bin/\\x1b[2Jnew", current);
        Assert.Contains("1 of the behaviours are known or allowed\ncoverage:", current);

        var export = await _rgctl.OutputAsync("baseline", "export", Workload);
        Assert.Equal(export, await _rgctl.OutputAsync("baseline", "export", Workload));
        var answer = await _rgctl.JsonAsync("replay", "--history", Workload, "--baseline", _rgctl.Write("same.json", export));
        Assert.Equal("nginx -> /bin/\u001b[2Jnew", Assert.Single(answer.GetProperty("firings").EnumerateArray()).GetProperty("behaviour").GetString());
        var nothing = _rgctl.Write("none.json", export.Replace("\"learned\": true", "\"learned\": false", StringComparison.Ordinal));
        Assert.Contains("would have fired: 2", await _rgctl.OutputAsync("replay", "--history", Workload, "--baseline", nothing));

        var (code, error) = await _rgctl.FailureAsync("replay", "--history", Workload, "--baseline", _rgctl.Write("bad.json", "{\"nonsense\": 1}"));
        Assert.Equal(1, code);
        Assert.Contains("no exported baseline", error);
        Assert.Contains("rgctl baseline export", error);
        Assert.Equal(1, (await _rgctl.FailureAsync("replay", "--history", Workload, "--baseline", "/no/such/file")).Code);
        (code, error) = await _rgctl.FailureAsync("replay", "--history", Workload, "--alpha", "0.1");
        Assert.Equal(2, code);
        Assert.Contains("--alpha is for recorded events", error);
        Assert.Equal(2, (await _rgctl.FailureAsync("replay", "events.jsonl", "--history", Workload)).Code);
        Assert.Equal(2, (await _rgctl.FailureAsync("replay", "events.jsonl", "--baseline", "current")).Code);
        Assert.Equal(2, (await _rgctl.FailureAsync("replay")).Code);
    }

    [Fact]
    public async Task What_a_version_brought_is_counted_and_listed()
    {
        var evidence = Behaviours.Evidence(Behaviours.Nginx,
            Behaviours.Of("nginx", "/bin/known", versions: [10, 20]), Behaviours.Of("nginx", "/bin/fresh", versions: [20]));
        evidence.Versions.Add(new VersionEvidence { Version = "1.25@sha256:a", Key = 10, FirstSeenUnixNs = 100, Units = { 1, 2 } });
        evidence.Versions.Add(new VersionEvidence { Version = "1.26@sha256:b", Key = 20, FirstSeenUnixNs = 200, Units = { 3 } });
        // As the merge of what nodes send keeps it.
        await _rgctl.Collector.KeepEvidenceAsync(evidence);

        var shown = await _rgctl.OutputAsync("workloads", "show", Workload);
        Assert.Contains("version 1.26@sha256:b: watched for 1 container-hours since ", shown);
        Assert.Contains("; new in 1.26: 1\n", shown);
        Assert.Contains("new in version 1.26: 1", await _rgctl.OutputAsync("workloads", "list"));
        var listed = await _rgctl.OutputAsync("baseline", "show", Workload, "--new-in", "1.26");
        Assert.Contains("/bin/fresh", listed);
        Assert.DoesNotContain("/bin/known", listed);
        var watched = (await _rgctl.JsonAsync("workloads", "show", Workload)).GetProperty("watched");
        Assert.Equal((0, 1), (watched[0].GetProperty("new_behaviours").GetInt32(), watched[1].GetProperty("new_behaviours").GetInt32()));
        Assert.Equal(4, (await _rgctl.FailureAsync("baseline", "show", Workload, "--new-in", "9")).Code);
        Assert.Contains("more than one version fits '1.2'", (await _rgctl.FailureAsync("baseline", "show", Workload, "--new-in", "1.2")).Error);
    }

    static Record Activity(string target, long timeNs) => new()
    {
        Activity = new Activity
        {
            MinuteUnixNs = timeNs, ContainerId = "c1", Kind = EventKind.Exec, Class = BehaviourClass.Exec, Actor = "nginx", Object = target,
            Count = 3, FirstUnixNs = timeNs, LastUnixNs = timeNs, Pid = 7,
        },
    };
}
