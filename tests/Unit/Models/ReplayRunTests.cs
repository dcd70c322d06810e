using System.Text;
using CsCheck;
using RuntimeGuard.Models;
using RuntimeGuard.Models.Replay;
using static RuntimeGuard.Tests.Unit.Models.ReplayEvents;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class ReplayRunTests
{
    const long Hour = 3_600_000_000_000;
    const long Start = 480_000 * Hour;

    [Fact]
    public void The_first_program_is_the_entrypoint_and_its_children_are_named_below_it()
    {
        var report = Replay(new ReplayOptions { TrainUntilNs = Start + Hour },
            Exec(0, 1, 0, "/usr/sbin/nginx"), Exec(1, 7, 1, "/bin/sh", "-c", "true"), Event(2, "write", 7, 1, "/bin/sh", "/srv/a"),
            Event(Hour, "open", 7, 1, "/bin/sh", "/etc/shadow"), Event(Hour + 1, "open", 1, 0, "/usr/sbin/nginx", "/etc/shadow"));
        var alarm = Assert.Single(report.FalseAlarms.Examples);
        Assert.Equal(("credential-read", "/usr/sbin/nginx > /bin/sh -> /etc/shadow"), (alarm.Rule, alarm.Behaviour));
        Assert.Equal(AlarmSource.Rule, alarm.Source);
    }

    [Fact]
    public void An_exec_that_was_not_recorded_is_seen_by_the_executable_of_what_follows()
    {
        var report = Replay(new ReplayOptions(),
            Event(0, "write", 1, 0, "/usr/sbin/nginx", "/srv/a"), Event(1, "open", 1, 0, "/usr/bin/perl", "/etc/hostname"),
            Event(2, "open", 9, 1, "/usr/bin/tar", "/etc/shadow"));
        Assert.Equal("/usr/sbin/nginx > /usr/bin/perl > /usr/bin/tar -> /etc/shadow", Assert.Single(report.FalseAlarms.Examples).Behaviour);
    }

    [Fact]
    public void Who_serves_and_starts_a_shell_breaks_a_rule_once_learning_is_over()
    {
        var report = Replay(new ReplayOptions { TrainUntilNs = Start + (30 * Hour), Ablations = ["fixed-24h"] },
            Exec(0, 1, 0, "/usr/sbin/nginx"), Line0(1, "listen", 1, 0, "/usr/sbin/nginx", "\"port\":80,\"proto\":\"tcp\""),
            Event(31 * Hour, "write", 1, 0, "/usr/sbin/nginx", "/srv/a"), Exec((31 * Hour) + 1, 9, 1, "/bin/bash", "-i"));
        Assert.Contains(report.FalseAlarms.Examples, alarm => alarm.Rule == "shell-from-server");
    }

    /// <summary>As JSON lines and as a binary recording: the address behind a known name may change, another name may not come.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Names_asked_for_and_names_of_peers_are_judged(bool recorded)
    {
        static string Peer(long at, string name, string address) => Line0(at, "connect", 1, 0, "/usr/sbin/nginx",
            $"\"remote\":\"{address}\",\"port\":5432,\"proto\":\"tcp\",\"name\":\"{name}\"");
        static string Asked(long at, string name) => Line0(at, "dns", 1, 0, "/usr/sbin/nginx", $"\"name\":\"{name}\"");
        string[] lines =
        [
            Exec(0, 1, 0, "/usr/sbin/nginx"), Asked(1, "db.example.com"), Peer(2, "db.example.com", "203.0.113.5"),
            Asked(31 * Hour, "DB.example.com."), Peer((31 * Hour) + 1, "db.example.com", "198.51.100.7"),
            Asked((31 * Hour) + 2, "evil.example.net"), Peer((31 * Hour) + 3, "evil.example.net", "203.0.113.5"),
        ];
        var bytes = recorded ? Record(Lines(string.Join('\n', lines))) : [];
        var report = ReplayRun.Run(() => recorded ? Recording(bytes) : Lines(string.Join('\n', lines)),
            new ReplayOptions { TrainUntilNs = Start + (30 * Hour), Ablations = ["set-membership"] });
        Assert.Equal(["/usr/sbin/nginx -> evil.example.net", "/usr/sbin/nginx -> tcp public evil.example.net:5432"],
            report.FalseAlarms.Examples.Select(alarm => alarm.Behaviour).Order());
    }

    [Fact]
    public void A_process_without_a_known_parent_in_a_running_container_was_put_in_from_outside()
    {
        var processes = new RecordedProcesses();
        var record = new EventRecord();
        foreach (var (line, actor, flags) in new[]
        {
            (Exec(0, 1, 0, "/sbin/init"), "(runtime)", EventFlags.EntryActor),
            (Exec(1, 1, 0, "/usr/sbin/nginx"), "/sbin/init", EventFlags.EntryActor),
            (Line0(2, "listen", 1, 0, "/usr/sbin/nginx", "\"port\":80,\"proto\":\"tcp\""), "/sbin/init > /usr/sbin/nginx", EventFlags.EntryActor),
            (Event(3, "write", 1, 0, "/usr/sbin/nginx", "/a"), "/sbin/init > /usr/sbin/nginx", EventFlags.ActorServes),
            (Event(3, "fork", 5, 1, "/usr/sbin/nginx", "/"), "/sbin/init > /usr/sbin/nginx", EventFlags.None),
            (Exec(4, 5, 1, "/bin/sh"), "/sbin/init > /usr/sbin/nginx", EventFlags.ActorServes),
            (Exec(5, 70, 69, "/bin/bash"), "(injected)", EventFlags.Injected),
            (Exec(6, 71, 70, "/usr/bin/id"), "(injected) > /bin/bash", EventFlags.Injected),
            (Event(7, "exit", 70, 69, "/bin/bash", "/"), "(injected) > /bin/bash", EventFlags.None),
            (Event(8, "write", 71, 70, "/usr/bin/id", "/a"), "(injected) > /bin/bash > /usr/bin/id", EventFlags.Injected),
        })
        {
            new EventLine().Parse(Encoding.UTF8.GetBytes(line), 1, record);
            Assert.Equal((actor, flags), (processes.Enter(record, 0, out var roles).Text, roles));
        }
    }

    [Fact]
    public void Alarms_within_a_label_find_its_incident_and_all_others_are_false()
    {
        var labels = Read("""
            {"container_id":"c1","from_unix_ns":1728000000000000000,"to_unix_ns":1728000060000000000,"technique":"T1003.008","attack":"read","incident":"a"}

            {"container_id":"c1","from_unix_ns":1728000000000000000,"to_unix_ns":1728000000000000000,"technique":"T1059","attack":"shell"}
            {"container_id":"c2","from_unix_ns":0,"to_unix_ns":9000000000000000000,"technique":"T1003.008","attack":"read","incident":"b"}
            """);
        var report = Replay(new ReplayOptions(), labels,
            Exec(0, 1, 0, "/usr/sbin/nginx"), Event(30_000_000_000, "open", 7, 1, "/bin/cat", "/etc/shadow"),
            Event(120_000_000_000, "open", 8, 1, "/bin/dd", "/etc/shadow"));
        Assert.Equal((2, 1, 1L), (report.Detection.Incidents, report.Detection.Found, report.FalseAlarms.Count));
        Assert.Equal(1, report.Detection.Outside); // there is no container c2
        Assert.Equal(30, report.Detection.SecondsToFirstMedian);
        Assert.Equal(["shell of line 3"], report.Detection.Missed);
        Assert.Equal(["read 1 1", "shell 1 0"], report.Detection.ByAttack.Select(row => $"{row.Name} {row.Cases} {row.Found}"));
        Assert.Equal(["T1003.008 1 1", "T1059 1 0"], report.Detection.ByTechnique.Select(row => $"{row.Name} {row.Cases} {row.Found}"));
        Assert.Contains((AlarmSource.Rule, 1), report.Detection.FirstFoundBy);
    }

    [Theory]
    [InlineData("{", "is no valid JSON")]
    [InlineData("[]", "is not one JSON object")]
    [InlineData("{}", "from_unix_ns is no whole number")]
    [InlineData("{\"from_unix_ns\":5,\"to_unix_ns\":4}", "to_unix_ns lies before from_unix_ns")]
    [InlineData("{\"from_unix_ns\":5,\"to_unix_ns\":6}", "attack is missing")]
    [InlineData("{\"from_unix_ns\":5,\"to_unix_ns\":6,\"attack\":\"a\"}", "container_id is missing")]
    [InlineData("{\"from_unix_ns\":5,\"to_unix_ns\":6,\"attack\":\"\\ud800\"}", "holds an escape")]
    public void A_malformed_label_says_where_what_and_what_to_do(string line, string problem)
    {
        var refusal = Assert.Throws<ReplayException>(() => Read(line));
        Assert.Contains($"line 1: {problem}", refusal.Message);
        Assert.NotEmpty(refusal.Remedy);
    }

    public static TheoryData<ReplayOptions, string> Contradictions => new()
    {
        { new ReplayOptions { TrainUntilNs = Start + 5, TrainFraction = 0.5 }, "at a time and at a fraction" },
        { new ReplayOptions { TrainFraction = 1 }, "trains nothing or everything" },
        { new ReplayOptions { TrainFraction = double.NaN }, "trains nothing or everything" },
        { new ReplayOptions { TrainUntilNs = 5 }, "outside the recording" },
        { new ReplayOptions { Alpha = 0 }, "alpha is 0" },
        { new ReplayOptions { Ablations = ["no-brakes"] }, "there is no ablation 'no-brakes'" },
        { new ReplayOptions { Ablations = ["set-membership"] }, "nothing trains here" },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void Options_that_cannot_hold_are_refused(ReplayOptions options, string problem)
    {
        var refusal = Assert.Throws<ReplayException>(() => Replay(options, Exec(0, 1, 0, "/a"), Exec(Hour, 2, 1, "/b")));
        Assert.Contains(problem, refusal.Message);
        Assert.NotEmpty(refusal.Remedy);
    }

    [Fact]
    public void Every_ablation_is_a_switch_of_the_models()
    {
        Assert.Equal(typeof(ModelOptions).GetProperties().Count(p => p.PropertyType == typeof(bool)), Ablation.All.Count);
        Assert.All(Ablation.All, ablation => Assert.NotEqual(ModelOptions.Default, ablation.Apply(ModelOptions.Default)));
    }

    /// <summary>Times, pids and orders that no kernel would give.</summary>
    [Fact]
    public void Any_events_are_replayed_to_a_report() => Gen.Select(Gen.Long[0, long.MaxValue], Gen.Int[1, 28], Gen.UInt[0, 4], Gen.UInt[0, 4],
        Gen.Int[0, 3]).Array[1, 30].Sample(events =>
        {
            var lines = events.Select(e => Line0((e.Item5 % 2 == 0 ? e.Item1 : (Start + (e.Item1 % Hour))) - Start,
                RecordedKinds.NameOf((RecordedKind)e.Item2), (int)e.Item3, (int)e.Item4, $"/bin/{e.Item5}",
                $"\"path\":\"/etc/shadow\",\"path2\":\"/b\",\"remote\":\"1.2.3.{e.Item5}\",\"port\":80,\"name\":\"a\"")).ToArray();
            foreach (var options in new[] { new ReplayOptions(), new ReplayOptions { SplitByContainer = true, Seed = 4 }, new ReplayOptions { TrainFraction = 0.5, NodesApart = true } })
                Assert.Equal(events.Length, Replay(options, lines).Scope.Events);
        }, iter: 150, threads: 1);

    [Fact]
    public void A_recording_without_events_is_refused() =>
        Assert.Contains("holds no event", Assert.Throws<ReplayException>(() => Replay(new ReplayOptions())).Message);

    [Theory]
    [InlineData(0, 10, 0, 0.368888)]
    [InlineData(3, 10, 0.0618672, 0.876727)]
    public void Garwood_bounds_a_rate(long count, double exposure, double lower, double upper)
    {
        var interval = Interval.Garwood(count, exposure);
        Assert.Equal(lower, interval.Lower, 1e-6);
        Assert.Equal(upper, interval.Upper, 1e-6);
        Assert.Equal(double.PositiveInfinity, Interval.Garwood(0, 0).Upper);
    }

    [Theory]
    [InlineData(0, 10, 0, 0.308497)]
    [InlineData(10, 10, 0.691503, 1)]
    [InlineData(5, 10, 0.187086, 0.812914)]
    [InlineData(0, 0, 0, 1)]
    public void Clopper_and_Pearson_bound_a_share(int successes, int trials, double lower, double upper)
    {
        var interval = Interval.ClopperPearson(successes, trials);
        Assert.Equal(lower, interval.Lower, 1e-6);
        Assert.Equal(upper, interval.Upper, 1e-6);
    }

    static ReplayReport Replay(ReplayOptions options, params string[] lines) => Replay(options, Labels.None, lines);

    static ReplayReport Replay(ReplayOptions options, Labels labels, params string[] lines) =>
        ReplayRun.Run(() => Lines(string.Join('\n', lines)), options, labels);

    static Labels Read(string text) => Labels.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)));

    static string Exec(long at, int pid, int ppid, string exe, params string[] args) => Line0(at, "exec", pid, ppid, exe, "",
        string.Join(',', args.Prepend(exe).Select(a => $"\"{a}\"")));

    static string Event(long at, string kind, int pid, int ppid, string exe, string path) =>
        Line0(at, kind, pid, ppid, exe, $"\"path\":\"{path}\"");

    static string Line0(long at, string kind, int pid, int ppid, string exe, string target, string args = "") =>
        $"{{\"time_unix_ns\":{Start + at},\"namespace\":\"shop\",\"image\":\"nginx:1\",\"container\":{{\"id\":\"c1\",\"started_unix_ns\":{Start}}},"
        + $"\"kind\":\"{kind}\",\"process\":{{\"pid\":{pid},\"ppid\":{ppid},\"exe\":\"{exe}\",\"args\":[{args}]}},\"object\":{{{target}}}}}";
}
