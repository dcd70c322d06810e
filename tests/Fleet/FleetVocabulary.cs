using System.Net;
using System.Text;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Tests.Fleet;

/// <summary>One thing an image can do.</summary>
/// <param name="Helper">The program that does it, started for it; null: the main process.</param>
sealed record FleetBehaviour(RecordedKind Kind, string? Helper, string Path, string Path2, string[] Arguments, byte[] Peer, ushort Port,
    byte Protocol, uint Mode)
{
    public byte[] PathBytes { get; } = Encoding.UTF8.GetBytes(Path);

    public byte[] Path2Bytes { get; } = Encoding.UTF8.GetBytes(Path2);

    public byte[] ArgumentBytes { get; } = Encoding.UTF8.GetBytes(string.Concat(Arguments.Select(a => a + "\0")));
}

/// <summary>
/// The behaviours of one image, drawn once from its name: writes below its directories, helpers it starts, peers it talks to.
/// Names are words, as people give them, in few directories; so some groups are open-ended and some are not.
/// </summary>
sealed class FleetVocabulary
{
    static readonly string[] Syllables = ["ba", "co", "di", "fe", "gu", "ka", "lo", "mi", "ne", "po", "ra", "su", "ti", "ve", "xo", "zu"];

    static readonly string[] Extensions = [".db", ".json", ".log", ".tmp", ".idx", ".html", ".bin", ""];

    static readonly ushort[] Ports = [5432, 6379, 9092, 3306, 8080, 443, 11211, 5672];

    readonly Random _random;
    readonly HashSet<string> _words = [];

    public FleetVocabulary(string image, ulong seed, int count)
    {
        Name = image;
        _random = FleetRandom.Of(seed, image);
        Main = new InternedText(Encoding.UTF8.GetBytes($"/usr/sbin/{image}d"));
        Helpers = [.. Enumerable.Range(0, 4).Select(_ => $"/usr/lib/{image}/{Word()}")];
        All = [.. Enumerable.Range(0, count).Select(_ => Draw())];
        StartUp = [Of(RecordedKind.Listen, "", port: Ports[_random.Next(Ports.Length)], protocol: 6), Write($"/run/{image}.pid"),
            Of(RecordedKind.Open, "/etc/passwd"), .. Enumerable.Range(0, 5).Select(_ => Draw())];
        Rotation = [Exec("/usr/sbin/logrotate", "logrotate", $"/etc/logrotate.d/{image}"),
            Of(RecordedKind.Rename, $"/var/log/{image}/access.log", path2: $"/var/log/{image}/access.log.1"),
            Of(RecordedKind.Unlink, $"/var/log/{image}/access.log.9")];
        Backup = [Exec("/usr/bin/tar", "tar", "czf", $"/var/backups/{image}.tgz", $"/var/lib/{image}"), Write($"/var/backups/{image}.tgz"),
            Of(RecordedKind.Connect, "", peer: [10, 9, 8, 7], port: 873, protocol: 6), Of(RecordedKind.Unlink, $"/var/backups/{image}.old")];
    }

    public string Name { get; }

    public InternedText Main { get; }

    public IReadOnlyList<string> Helpers { get; }

    public IReadOnlyList<FleetBehaviour> All { get; private set; }

    public IReadOnlyList<FleetBehaviour> StartUp { get; }

    public IReadOnlyList<FleetBehaviour> Rotation { get; }

    public IReadOnlyList<FleetBehaviour> Backup { get; }

    /// <summary>One more behaviour that was not there before.</summary>
    public FleetBehaviour Draw() => _random.Next(100) switch
    {
        < 34 => Write($"/var/lib/{Name}/{Word(1)}/{Word()}{Extensions[_random.Next(Extensions.Length)]}"),
        < 36 => Write($"/usr/local/lib/{Name}/{Word()}.cache"),
        < 62 => Program(),
        < 80 => Of(RecordedKind.Connect, "", peer: [10, (byte)_random.Next(4), (byte)_random.Next(40), (byte)_random.Next(1, 250)],
            port: Ports[_random.Next(Ports.Length)], protocol: 6),
        < 85 => Of(RecordedKind.Connect, "", peer: [(byte)_random.Next(50, 100), (byte)_random.Next(250), (byte)_random.Next(250), 9],
            port: 443, protocol: 6),
        < 92 => Of(RecordedKind.Unlink, $"/var/cache/{Name}/{Word(1)}/{Word()}"),
        < 96 => Of(RecordedKind.Chmod, $"/srv/{Name}/{Word()}/{Word()}", mode: 0x1A4),
        < 99 => Of(RecordedKind.Open, _random.Next(2) == 0 ? "/etc/group" : "/etc/passwd"),
        _ => Of(RecordedKind.Listen, "", port: (ushort)_random.Next(2000, 9000), protocol: 6),
    };

    /// <summary>Images run more than their own binaries: scripts in shells, tools that look around, health checks by curl.</summary>
    FleetBehaviour Program() => _random.Next(100) switch
    {
        < 45 => Exec($"/usr/lib/{Name}/{Word()}", Word(), $"--{Word(1)}"),
        < 65 => Exec(Helpers[_random.Next(Helpers.Count)], Word(), $"--{Word(1)}", Word()),
        < 83 => Exec("/bin/sh", "sh", "-c", $"/usr/lib/{Name}/{Word()} --{Word(1)} | /usr/lib/{Name}/{Word()}"),
        < 92 => _random.Next(3) switch
        {
            0 => Exec("/usr/bin/find", "find", $"/var/lib/{Name}/{Word()}", "-mtime", "+7"),
            1 => Exec("/bin/ps", "ps", "-o", Word()),
            _ => Exec("/usr/bin/hostname", "hostname", $"-{Word(1)}"),
        },
        < 97 => Exec("/usr/bin/curl", "curl", "-fsS", $"http://{Word()}.svc/{Word(1)}"),
        _ => Exec("/usr/bin/python3", "python3", $"/usr/lib/{Name}/{Word()}.py"),
    };

    /// <summary>An address that nobody else has.</summary>
    public static byte[] Address(string text) => IPAddress.Parse(text).GetAddressBytes();

    public static FleetBehaviour Exec(string path, params string[] arguments) =>
        new(RecordedKind.Exec, null, path, "", arguments, [], 0, 0, 0);

    public static FleetBehaviour Of(RecordedKind kind, string path, string? helper = null, string path2 = "", byte[]? peer = null,
        ushort port = 0, byte protocol = 0, uint mode = 0) => new(kind, helper, path, path2, [], peer ?? [], port, protocol, mode);

    FleetBehaviour Write(string path) =>
        Of(_random.Next(2) == 0 ? RecordedKind.Write : RecordedKind.Create, path, _random.Next(5) == 0 ? Helpers[_random.Next(Helpers.Count)] : null);

    /// <summary>A word; without a length one that was not used before.</summary>
    string Word(int syllables = 0)
    {
        while (true)
        {
            var word = string.Concat(Enumerable.Range(0, syllables > 0 ? syllables : 3 + _random.Next(2))
                .Select(_ => Syllables[_random.Next(Syllables.Length)]));
            if (syllables > 0 || _words.Add(word))
                return word;
        }
    }
}

/// <summary>Independent random numbers for every thing that has a name, so that one more thing changes nothing of the others.</summary>
static class FleetRandom
{
    public static Random Of(ulong seed, string name, long number = 0) => new((int)System.IO.Hashing.XxHash64.HashToUInt64(
        Encoding.UTF8.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{seed}/{name}/{number}"))));
}
