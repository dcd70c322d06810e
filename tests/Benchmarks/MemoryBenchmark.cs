using System.Diagnostics;
using System.Globalization;
using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Benchmarks;

/// <summary>
/// What a running agent takes: anonymous memory of its own, and the rings apart. The installed agent (NativeAOT) is measured;
/// it watches this host and finds no collector. Needs root and an installation.
/// </summary>
static class MemoryBenchmark
{
    const string Agent = "/opt/runtimeguard/agent/runtimeguard-agent";
    static readonly TimeSpan Settled = TimeSpan.FromSeconds(20);

    public static int Run()
    {
        if (!File.Exists(Agent))
        {
            Console.WriteLine($"memory: {Agent} is not installed; run: sudo ./install.sh");
            return 0;
        }
        var directory = Directory.CreateTempSubdirectory("rg-bench-").FullName;
        try
        {
            using var agent = Process.Start(new ProcessStartInfo(Agent,
                ["run", "--data-dir", directory, "--collector", "127.0.0.1:1", "--token-file", Token(directory), "--node", "bench"])
            {
                RedirectStandardOutput = true,
            })!;
            agent.BeginOutputReadLine();
            var exited = agent.WaitForExit(Settled);
            if (exited)
            {
                Console.Error.WriteLine($"memory: the agent ended with status {agent.ExitCode}");
                return 1;
            }
            var anonymous = File.ReadLines($"/proc/{agent.Id}/status").First(l => l.StartsWith("RssAnon:", StringComparison.Ordinal));
            agent.Kill();
            agent.WaitForExit();
            var kilobytes = long.Parse(anonymous.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
            var rings = new BpfSensorOptions();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"agent, idle: RssAnon {kilobytes / 1024.0:0.0} MiB; rings {(rings.VitalRingBytes + rings.BulkRingBytes) >> 20} MiB, mapped twice"));
            return 0;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Of the right form, so that the agent goes on trying.</summary>
    static string Token(string directory)
    {
        var path = Path.Combine(directory, "token");
        File.WriteAllText(path, $"id.secret.{new string('0', 64)}");
        return path;
    }
}
