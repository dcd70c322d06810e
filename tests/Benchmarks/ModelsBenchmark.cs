using System.Globalization;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Benchmarks;

/// <summary>Baseline.Observe of known and new behaviours, and the merge of two nodes' evidence. Fails when a known one allocates.</summary>
static class ModelsBenchmark
{
    const int Batch = 20_000;
    const long Hour = 3_600_000_000_000;
    static readonly WorkloadKey Key = new("shop", "docker.io/library/nginx");
    static readonly ContainerFacts Container = new(Key, "c1", "1.25", 480_000 * Hour);
    static readonly Actor Nginx = Actor.Entry("/usr/sbin/nginx");
    static readonly byte[] Peer = [10, 0, 0, 5];

    delegate ContainerEvent EventAt(int index);

    public static int Run()
    {
        Memory(); // first, while nothing else lives that could be freed in between
        var known = Learned();
        byte[][] names = [.. Enumerable.Range(0, Batch).Select(i => System.Text.Encoding.UTF8.GetBytes($"/srv/cache/{Letters(i)}.dat"))];
        foreach (var name in names.AsSpan(0, 16))
            known.Observe(Event(EventKind.Create, name));
        byte[] log = [.. "/var/log/nginx/access.log"u8];
        byte[] page = [.. "/usr/share/nginx/html/index.html"u8];
        byte[][] moved = [.. Enumerable.Range(0, Batch).Select(i => (byte[])[10, 7, (byte)(i >> 8), (byte)i])];
        byte[] program = [.. "/usr/bin/convert"u8];
        byte[] arguments = [.. "convert\0-resize\0320x200\0in.png\0out.png\0"u8];

        Console.WriteLine($"{"operation",-44} {"median ns",10} {"bytes",8}");
        var worst = 0.0;
        worst = Math.Max(worst, Observe("ordinary open for reading (ignored)", known, _ => Event(EventKind.Open, page)));
        worst = Math.Max(worst, Observe("write of a known file", known, _ => Event(EventKind.Write, log)));
        worst = Math.Max(worst, Observe("create of a new name of a known pattern", known, i => Event(EventKind.Create, names[i])));
        worst = Math.Max(worst, Observe("exec of a known command line", known, _ => Event(EventKind.Exec, program, arguments)));
        worst = Math.Max(worst, Observe("connect to a known peer", known, _ => Connect()));
        worst = Math.Max(worst, Observe("connect to a known name", known, _ => Connect("api.example.com"u8)));
        worst = Math.Max(worst, Observe("the same at a new address", known, i => Connect("api.example.com"u8, moved[i])));
        worst = Math.Max(worst, Observe("question for a known name", known, _ => Ask()));

        var fresh = known;
        byte[][] programs = [.. Enumerable.Range(0, 2000).Select(i => System.Text.Encoding.UTF8.GetBytes($"/opt/{Letters(i)}"))];
        Print("exec never seen, learning (learned)", Measurement.Median(2000, () =>
        {
            foreach (var path in programs)
                fresh.Observe(Event(EventKind.Exec, path));
        }, () => fresh = Learned()));
        Print("exec never seen, locked by hand (anomaly)", Measurement.Median(2000, () =>
        {
            foreach (var path in programs)
                fresh.Observe(Event(EventKind.Exec, path));
        }, () =>
        {
            fresh = Learned();
            fresh.Apply(new Model { Policy = new Policy { Version = 1, Mode = LearningMode.LockedByHand } });
        }));

        var (a, b) = (Node("a").Snapshot().Evidence, Node("b").Snapshot().Evidence);
        Print("merge of two times 500 behaviours", Measurement.Median(1, () => EvidenceMerge.Merge(a, b)));

        if (worst > 0)
            Console.Error.WriteLine($"a known behaviour allocated {worst:0.##} bytes; it must allocate none");
        return worst > 0 ? 1 : 0;
    }

    static void Memory()
    {
        var warm = Learned();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var full = Learned();
        for (var i = 0; i < 12_000; i++)
            full.Observe(Event(EventKind.Exec, System.Text.Encoding.UTF8.GetBytes($"/opt/{Letters(i)}/{Letters(i * 7)}")));
        var taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"a full baseline: {full.Behaviours} behaviours, {taken / 1048576.0:0.00} MiB"));
        GC.KeepAlive(full);
        GC.KeepAlive(warm);
    }

    static double Observe(string name, Baseline baseline, EventAt make)
    {
        var measured = Measurement.Median(Batch, () =>
        {
            for (var i = 0; i < Batch; i++)
                if (baseline.Observe(make(i)).Kind is not (VerdictKind.Known or VerdictKind.Ignored))
                    throw new InvalidOperationException($"'{name}' is not known at {i}: {System.Text.Encoding.UTF8.GetString(make(i).Path)}");
        });
        Print(name, measured);
        return measured.Bytes;
    }

    static Baseline Learned()
    {
        var baseline = new Baseline(Key);
        baseline.Observe(Event(EventKind.Write, "/var/log/nginx/access.log"u8));
        baseline.Observe(Event(EventKind.Exec, "/usr/bin/convert"u8, "convert\0-resize\0320x200\0in.png\0out.png\0"u8));
        baseline.Observe(Connect());
        baseline.Observe(Connect("api.example.com"u8));
        baseline.Observe(Ask());
        return baseline;
    }

    static Baseline Node(string node)
    {
        var baseline = Learned();
        for (var i = 0; i < 500; i++)
            baseline.Observe(Event(EventKind.Exec, System.Text.Encoding.UTF8.GetBytes($"/opt/{(i % 2 == 0 ? node : "")}{Letters(i)}")));
        return baseline;
    }

    static ContainerEvent Event(EventKind kind, ReadOnlySpan<byte> path, ReadOnlySpan<byte> arguments = default) => new()
    {
        TimeNs = (480_000 * Hour) + 1,
        Kind = kind,
        Container = Container,
        Actor = Nginx,
        Path = path,
        Arguments = arguments,
    };

    static ContainerEvent Connect(ReadOnlySpan<byte> name = default, byte[]? peer = null) => new()
    {
        TimeNs = (480_000 * Hour) + 1,
        Kind = EventKind.Connect,
        Container = Container,
        Actor = Nginx,
        Name = name,
        Peer = peer ?? Peer,
        Port = 5432,
        Protocol = 6,
    };

    static ContainerEvent Ask() => new()
    {
        TimeNs = (480_000 * Hour) + 1,
        Kind = EventKind.Dns,
        Container = Container,
        Actor = Nginx,
        Name = "api.example.com"u8,
        Protocol = 17,
    };

    static string Letters(int number)
    {
        var text = "";
        for (var n = (uint)number; text.Length == 0 || n > 0; n /= 26)
            text += (char)('a' + (n % 26));
        return text;
    }

    static void Print(string name, (double Nanoseconds, double Bytes) measured) => Console.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{name,-44} {measured.Nanoseconds,10:0} {measured.Bytes,8:0}"));
}
