using System.Globalization;
using System.Text;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Benchmarks;

/// <summary>
/// What one workload's baseline takes of memory: a typical one, and whatever is thrown at it. The difference of settled
/// heaps; fails above 640 bytes for each typical behaviour or 4 MiB for any workload.
/// </summary>
static class SizeBenchmark
{
    const double MostPerBehaviour = 640;
    const double MostBytes = 4 << 20;
    const long Hour = 3_600_000_000_000;
    const long Start = 480_000 * Hour;
    static readonly WorkloadKey Key = new("shop", "docker.io/library/nginx");

    public static int Run()
    {
        Console.WriteLine($"{"workload",-52} {"behaviours",10} {"bytes",12} {"each",8}");
        var worst = 0.0;
        var fixedBytes = Measure("one behaviour, 5 replicas, 2 weeks", () => Typical(1)).Bytes;
        var typical = Measure("typical: 500 behaviours, 5 replicas, 2 weeks", () => Typical(500));
        var each = (typical.Bytes - fixedBytes) / (typical.Behaviours - 1);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"each behaviour more, all in: {each:0} bytes"));
        Measure("the same with 4000", () => Typical(4000));
        foreach (var (name, make) in Worst())
            worst = Math.Max(worst, Measure(name, make).Bytes);
        var good = each <= MostPerBehaviour && worst <= MostBytes;
        if (!good)
            Console.Error.WriteLine($"above {MostPerBehaviour} bytes for each behaviour or {MostBytes} for a workload");
        return good ? 0 : 1;
    }

    public static IEnumerable<(string Name, Func<Baseline> Make)> Worst()
    {
        yield return ("events: names never alike, deep paths, every table", Hostile);
        yield return ("evidence: longest texts, full sketches and ledgers", () => Told(240, distinctActors: true));
        yield return ("evidence: short texts, as many as fit", () => Told(30, distinctActors: false));
        yield return ("evidence, and events on top of it", () => Hostile(Told(120, distinctActors: false)));
    }

    static (double Behaviours, double Bytes) Measure(string name, Func<Baseline> make)
    {
        make(); // what is held once for the process: code, scratch, pools
        var before = Settled();
        var made = make();
        var taken = Settled() - before;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-52} {made.Behaviours,10} {taken,12:N0} {(double)taken / made.Behaviours,8:0}"));
        GC.KeepAlive(made);
        return (made.Behaviours, taken);
    }

    static long Settled()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    static readonly ContainerFacts[] Replicas = [.. Enumerable.Range(0, 5).Select(i => new ContainerFacts(Key, $"c{i}", "1.25", Start))];
    static readonly Actor Nginx = Actor.Entry("/usr/sbin/nginx");

    /// <summary>Paths of 40 to 60 characters and commands of three words, each in as many hours as its rank allows.</summary>
    static Baseline Typical(int behaviours)
    {
        var baseline = new BaselineSet().GetOrAdd(Key);
        for (var hour = 0; hour < 14 * 24; hour += 7)
            for (var i = 0; i < behaviours; i++)
                if (hour % (1 + (i % 48)) < 7)
                    Observe(baseline, Replicas[(i + hour) % 5], Nginx, i % 3 == 0 ? EventKind.Exec : EventKind.Write,
                        i % 3 == 0 ? $"/usr/lib/app/bin/tool-{Letters(i)}" : $"/var/lib/app/{Letters(i / 6)}/{Letters(i / 3 % 2)}/state-of-{Letters(i)}.{Letters(i % 20)}",
                        $"tool\0--mode\0{Letters(i % 7)}\0", hour);
        return baseline;
    }

    /// <summary>Names that are never alike, texts of the greatest length, deep paths, many containers of many versions, every class.</summary>
    static Baseline Hostile() => Hostile(new BaselineSet().GetOrAdd(Key));

    static Baseline Hostile(Baseline baseline)
    {
        for (var round = 0; round < 20; round++)
            for (var i = 0; i < 2500; i++)
            {
                var kind = (i % 5) switch { 0 => EventKind.Exec, 1 => EventKind.Connect, 2 => EventKind.Unlink, _ => EventKind.Write };
                var long1 = new string((char)('a' + (i % 26)), 60) + Letters(i);
                var deep = string.Concat(Enumerable.Range(0, 30).Select(d => $"/{Letters((i * 31) + d)}{d % 10}x"));
                Observe(baseline, Many[((i * 7) + (round * 50)) % Many.Length], Actors[i % Actors.Length], kind,
                    kind == EventKind.Exec ? $"/opt/{long1}" : (i % 2 == 0 ? $"/srv{deep}" : $"/srv/{long1}/{long1}/{long1}/{Letters(i)}"),
                    $"x\0{Letters(i)}\0{long1}\0{Letters(i * 3)}\0{Letters(i * 7)}\0{long1}\0", round * 3, (uint)i);
            }
        baseline.Apply(Ledgers());
        return baseline;
    }

    // Of the agent, which holds them once whatever the baseline does.
    static readonly ContainerFacts[] Many =
        [.. Enumerable.Range(0, 1000).Select(i => new ContainerFacts(Key, $"container-{i}", $"{i}-{new string('v', 500)}", Start))];

    static readonly Actor[] Actors =
    [
        .. Enumerable.Range(0, 1500).Select(i =>
            Actor.Entry($"/opt/{new string('e', 230)}{Letters(i)}").Exec($"/opt/{new string('f', 230)}{Letters(i)}").Exec($"/opt/{new string('g', 230)}{Letters(i)}")),
    ];

    /// <summary>As a collector could say it: 4096 learned behaviours of one class, deep and unlike each other.</summary>
    static Baseline Told(int length, bool distinctActors)
    {
        var model = Ledgers();
        for (var i = 0; i < 4096; i++)
        {
            var path = new StringBuilder(length < 100 ? "/etc" : "/srv"); // below /etc nothing is folded
            for (var part = 0; path.Length < length - 4; part++)
                path.Append(CultureInfo.InvariantCulture, $"/{Letters((i * 37) + part)}{part % 10}");
            var behaviour = new BehaviourEvidence
            {
                Class = BehaviourClass.FileWrite, Key = ((ulong)i + 1) << 50 ^ (ulong)i, Learned = true, Mark = "app-file",
                Actor = distinctActors ? $"{new string('a', 1000)}{i}" : "/usr/sbin/nginx", Object = path.ToString(), LastSeenUnixNs = 1,
            };
            for (var k = 1ul; k <= 16; k++)
                behaviour.Units.Add((k << 40) + (ulong)i);
            for (var k = 1ul; k <= 8; k++)
            {
                behaviour.Containers.Add((k << 40) + (ulong)i);
                behaviour.Versions.Add((k << 40) + (ulong)i);
            }
            for (var k = 0ul; k < 4; k++)
                behaviour.LevelKeys.Add(((ulong)i * 7919 << 20) + k);
            model.Evidence.Behaviours.Add(behaviour);
        }
        var baseline = new BaselineSet().GetOrAdd(Key);
        baseline.Apply(model);
        return baseline;
    }

    /// <summary>What other nodes counted: every source, class and bucket.</summary>
    static Model Ledgers()
    {
        var evidence = new Evidence { Workload = new Workload { Namespace = Key.Namespace, Image = Key.Image }, Format = EvidenceFormat.Current };
        for (var source = 1ul; source <= 64; source++)
        {
            var rates = new RateEvidence { Source = source, Version = source };
            for (var c = 1; c <= (int)BehaviourClass.Dns; c++)
            {
                var classes = new ClassRates { Class = (BehaviourClass)c, RecentUnits = 9 };
                for (var i = 0ul; i < 8; i++)
                {
                    classes.Containers.Add((source << 32) + i);
                    classes.NovelContainers.Add((source << 32) + i);
                }
                for (var bucket = 0u; bucket < 84; bucket++)
                    classes.Volumes.Add(new VolumeBucket { Bucket = bucket, Hours = 9, Sum = source, Squares = source });
                rates.Classes.Add(classes);
            }
            evidence.Rates.Add(rates);
        }
        for (var c = 1; c <= (int)BehaviourClass.Dns; c++)
        {
            var classes = new ClassEvidence { Class = (BehaviourClass)c };
            for (var i = 1ul; i <= 1024; i++)
                classes.Units.Add(i << 40);
            for (var i = 1ul; i <= 64; i++)
                classes.StartUnits.Add(i << 40);
            evidence.Classes.Add(classes);
        }
        return new Model { Evidence = evidence };
    }

    static void Observe(Baseline baseline, ContainerFacts container, Actor actor, EventKind kind, string path, string arguments, int hour, uint peer = 0) =>
        baseline.Observe(new ContainerEvent
        {
            TimeNs = Start + (hour * Hour) + 1,
            Kind = kind,
            Container = container,
            Actor = actor,
            Path = kind == EventKind.Connect ? default : Encoding.UTF8.GetBytes(path),
            Arguments = kind == EventKind.Exec ? Encoding.UTF8.GetBytes(arguments) : default,
            Peer = kind == EventKind.Connect ? [10, (byte)(peer >> 16), (byte)(peer >> 8), (byte)peer] : default,
            Port = (ushort)(1000 + peer),
            Protocol = kind == EventKind.Connect ? (byte)6 : (byte)0,
            Lineage = peer,
        });

    static string Letters(int number)
    {
        var text = "";
        for (var n = (uint)number; text.Length == 0 || n > 0; n /= 26)
            text += (char)('a' + (n % 26));
        return text;
    }
}
