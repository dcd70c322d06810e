using System.Diagnostics;
using System.Globalization;
using RuntimeGuard.Agent.Native;
using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Benchmarks;

/// <summary>
/// What the kernel side adds to an open and close, an exec and exit, a loopback connect and accept, and an exchange
/// of two datagrams on any port and on port 53: the same program
/// without an agent, unwatched and watched, in turns, so that the machine's mood meets all three. Needs root.
/// </summary>
static class KernelBenchmark
{
    const int Rounds = 21;
    const int NoAgent = 0;
    const int Watched = 2;
    // Fewer than the token bucket holds: a dropped event would be a cheap one.
    static readonly (string Name, int Count)[] Calls = [("open", 8000), ("exec", 150), ("connect", 1500), ("packet", 4000), ("dns", 450)];
    static readonly string[] Modes = ["no agent", "unwatched", "watched"];

    public static int Run()
    {
        string directory = Directory.CreateTempSubdirectory("rg-bench-").FullName;
        try
        {
            string workload = Compile(directory);
            var times = Calls.Select(_ => Modes.Select(_ => new List<double>()).ToArray()).ToArray();
            for (int round = 0; round < Rounds; round++)
            {
                for (int turn = 0; turn < Modes.Length; turn++)
                    Measure(workload, (round + turn) % Modes.Length, times);
            }
            Print(times);
            return 0;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Always in a cgroup of its own: the scheduler treats all alike; only one made after the load is watched.</summary>
    static void Measure(string workload, int mode, List<double>[][] times)
    {
        string cgroup = Path.Combine(CgroupTree.Read().V2Mount, $"rg-bench-{Guid.NewGuid():N}");
        if (mode != Watched)
            Directory.CreateDirectory(cgroup);
        using var sensor = mode == NoAgent ? null : BpfSensor.Load(new BpfSensorOptions());
        if (mode == Watched)
            Directory.CreateDirectory(cgroup);
        using var stop = new CancellationTokenSource();
        var consumer = new Thread(() => Consume(sensor, stop.Token));
        consumer.Start();
        for (int call = 0; call < Calls.Length; call++)
            times[call][mode].Add(Time(workload, Calls[call], cgroup));
        stop.Cancel();
        consumer.Join();
        Directory.Delete(cgroup);
    }

    /// <summary>As the agent's loop: asleep until a vital event or 50 ms.</summary>
    static void Consume(BpfSensor? sensor, CancellationToken stop)
    {
        if (sensor is null)
            return;
        using var epoll = new Epoll();
        epoll.Add(sensor.VitalFd);
        epoll.Add(sensor.BulkFd);
        while (!stop.IsCancellationRequested)
        {
            epoll.Wait(50);
            sensor.ConsumeVital(static _ => { });
            sensor.ConsumeBulk(static _ => { });
        }
    }

    static double Time(string workload, (string Name, int Count) call, string cgroup)
    {
        using var child = Process.Start(new ProcessStartInfo(
            "/bin/sh", ["-c", $"echo $$ > {cgroup}/cgroup.procs; exec {workload} {call.Name} {call.Count}"]) { RedirectStandardOutput = true })!;
        string printed = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return child.ExitCode == 0
            ? double.Parse(printed, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"the workload '{call.Name}' ended with {child.ExitCode}");
    }

    static string Compile(string directory)
    {
        string source = Path.Combine(directory, "workload.c");
        string program = Path.Combine(directory, "workload");
        using (var from = typeof(KernelBenchmark).Assembly.GetManifestResourceStream("workload.c")!)
        using (var to = File.Create(source))
            from.CopyTo(to);
        using var clang = Process.Start("clang", ["-O2", "-static", "-o", program, source]);
        clang.WaitForExit();
        return clang.ExitCode == 0 ? program : throw new InvalidOperationException("clang could not build the workload");
    }

    static void Print(List<double>[][] times)
    {
        Console.WriteLine($"kernel side, medians of {Rounds} rounds in turns; ratios are medians of the paired rounds");
        Console.WriteLine($"{"",-9}{"no agent",12}{"unwatched",12}{"watched",12}{"ratio unw.",12}{"ratio w.",12}");
        for (int call = 0; call < Calls.Length; call++)
        {
            var t = times[call];
            Console.WriteLine(
                $"{Calls[call].Name,-9}{Median(t[0]),9:F0} ns{Median(t[1]),9:F0} ns{Median(t[2]),9:F0} ns" +
                $"{Ratio(t[1], t[0]),12:F3}{Ratio(t[2], t[0]),12:F3}");
        }
    }

    static double Ratio(List<double> with, List<double> without) => Median([.. with.Zip(without, (a, b) => a / b)]);

    static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
