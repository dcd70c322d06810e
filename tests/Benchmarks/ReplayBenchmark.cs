using System.Diagnostics;
using System.Globalization;
using RuntimeGuard.Models.Replay;
using RuntimeGuard.Tests.Fleet;

namespace RuntimeGuard.Benchmarks;

/// <summary>Events per second of a replay from a recording, and JSON lines per second; one thread. Fails below what is promised.</summary>
static class ReplayBenchmark
{
    const double LinesPerSecond = 200_000;
    const double EventsPerSecond = 10e6 / 20; // ten million in twenty seconds
    const int Rounds = 5;

    public static int Run()
    {
        var plan = new FleetPlan
        {
            Seed = 1,
            Days = 20,
            Workloads = [.. Enumerable.Range(0, 20).Select(i => new FleetWorkload($"app{(char)('a' + i)}", 5, 200, 1.2, 20) { DailyJob = true })],
        };
        var fleet = new RecordedFleet(plan);
        using var lines = new MemoryStream();
        FleetLines.Write(new FleetSource(plan with { Days = 2 }), lines);
        var parsed = Count(Lines(lines));

        var read = Median(() => Count(fleet.Read()), fleet.Events);
        var replayed = Median(() => fleet.Replay(new ReplayOptions { TrainFraction = 0.5 }), fleet.Events);
        var json = Median(() => Count(Lines(lines)), parsed);
        Console.WriteLine($"{"replay",-44} {"per second",12} {"ns each",9} {"bytes each",11}");
        Print("events of a recording, read", read, fleet.Bytes / (double)fleet.Events);
        Print("events of a recording, read and judged", replayed, fleet.Bytes / (double)fleet.Events);
        Print("JSON lines, parsed", json, lines.Length / (double)parsed);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ten million events: {10e6 * replayed / 1e9:0.0} s"));
        return 1e9 / replayed >= EventsPerSecond && 1e9 / json >= LinesPerSecond ? 0 : 1;
    }

    static EventLines Lines(MemoryStream stream)
    {
        stream.Position = 0;
        return new EventLines(stream);
    }

    static long Count(IEventSource source)
    {
        var record = new EventRecord();
        var count = 0L;
        while (source.Read(record))
            count++;
        return count;
    }

    static double Median(Action run, long operations)
    {
        run();
        var times = new double[Rounds];
        for (var round = 0; round < Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            run();
            times[round] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / operations;
        }
        Array.Sort(times);
        return times[Rounds / 2];
    }

    static void Print(string name, double ns, double bytes) => Console.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{name,-44} {1e9 / ns,12:N0} {ns,9:0} {bytes,11:0.0}"));
}
