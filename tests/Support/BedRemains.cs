using System.Diagnostics;
using System.Globalization;

namespace RuntimeGuard.Tests.Support;

/// <summary>
/// Clears what a container node left: its processes by pid, its cgroups, its mounts, its files. Everything is found by
/// the node's directory or suffix, which no one else's things carry.
/// </summary>
static class BedRemains
{
    public const string Prefix = "rg-bed-";
    const string Owner = "owner";
    const string Cgroups = "/sys/fs/cgroup";

    /// <summary>Writes down whose the directory is: a process, not just a pid.</summary>
    public static void Claim(string directory) =>
        File.WriteAllText(Path.Combine(directory, Owner), $"{Environment.ProcessId} {StartOf(Environment.ProcessId)}");

    /// <summary>Clears every node whose owner is gone.</summary>
    public static async Task ClearAsync()
    {
        foreach (var directory in Directory.EnumerateDirectories(Path.GetTempPath(), $"{Prefix}*"))
        {
            if (!IsOwned(directory))
                await ClearAsync(directory);
        }
    }

    public static async Task ClearAsync(string directory)
    {
        var suffix = Path.GetFileName(directory)[Prefix.Length..];
        string[] roots = [$"kubepods/rg-{suffix}", $"lab-{suffix}"];
        await Eventually.HoldsAsync($"nothing of {directory} runs any more", () =>
        {
            var pids = OfDirectory(directory).Concat(roots.SelectMany(InCgroup)).ToHashSet();
            foreach (var pid in pids)
                Kill(pid);
            return Task.FromResult(pids.Count == 0);
        });
        RemoveShimSockets(directory);
        foreach (var mount in MountsBelow(directory))
            await Command.RunAsync("umount", "--lazy", mount);
        foreach (var root in roots)
            RemoveCgroups(root);
        await Eventually.HoldsAsync($"{directory} is removed", async () =>
            (await Command.RunAsync("rm", "-rf", "--one-file-system", directory)).ExitCode == 0);
    }

    static bool IsOwned(string directory)
    {
        var file = Path.Combine(directory, Owner);
        // Just made, not claimed yet: whoever makes it writes the file within moments.
        if (!File.Exists(file))
            return DateTime.UtcNow - Directory.GetCreationTimeUtc(directory) < TimeSpan.FromMinutes(1);
        var parts = File.ReadAllText(file).Split(' ');
        return parts.Length == 2 && int.TryParse(parts[0], CultureInfo.InvariantCulture, out var pid)
            && StartOf(pid) is { Length: > 0 } start && start == parts[1];
    }

    /// <summary>Field 22 of /proc/PID/stat, or empty when there is no such process or it has ended, reaped or not.</summary>
    static string StartOf(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? "" : fields[19];
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>containerd and its shims: they carry the directory in their arguments.</summary>
    static IEnumerable<int> OfDirectory(string directory)
    {
        foreach (var proc in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(proc), CultureInfo.InvariantCulture, out var pid) || pid == Environment.ProcessId)
                continue;
            string arguments;
            try
            {
                arguments = File.ReadAllText($"{proc}/cmdline");
            }
            catch (IOException)
            {
                continue;
            }
            var isRuntime = arguments.StartsWith("containerd\0", StringComparison.Ordinal)
                || arguments.Contains("containerd-shim", StringComparison.Ordinal);
            if (isRuntime && arguments.Contains($"{directory}/", StringComparison.Ordinal))
                yield return pid;
        }
    }

    static IEnumerable<int> InCgroup(string root)
    {
        foreach (var top in Tops(root))
        {
            foreach (var file in Directory.EnumerateFiles(top, "cgroup.procs", SearchOption.AllDirectories))
            {
                foreach (var line in ReadLines(file))
                    yield return int.Parse(line, CultureInfo.InvariantCulture);
            }
        }
    }

    static string[] ReadLines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (IOException)
        {
            return [];
        }
    }

    static string[] Tops(string root) =>
        [.. Directory.EnumerateDirectories(Cgroups).Append(Cgroups).Select(h => Path.Combine(h, root)).Where(Directory.Exists)];

    static void RemoveCgroups(string root)
    {
        foreach (var top in Tops(root))
        {
            var below = Directory.EnumerateDirectories(top, "*", SearchOption.AllDirectories);
            foreach (var directory in below.OrderByDescending(d => d.Length).Append(top))
            {
                // rmdir, not a recursive delete: a cgroup's files cannot be removed. One that is busy stays, empty.
                if (Process.Start("rmdir", ["--ignore-fail-on-non-empty", directory]) is { } rmdir)
                {
                    using (rmdir)
                        rmdir.WaitForExit();
                }
            }
        }
    }

    static void RemoveShimSockets(string directory)
    {
        var state = Path.Combine(directory, "state");
        if (!Directory.Exists(state))
            return;
        foreach (var bundle in Directory.EnumerateDirectories(state, "io.containerd.runtime.v2.task"))
        {
            foreach (var address in Directory.EnumerateFiles(bundle, "address", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 }))
            {
                var path = File.ReadAllText(address).Replace("unix://", "", StringComparison.Ordinal);
                if (path.StartsWith("/run/containerd/s/", StringComparison.Ordinal))
                    File.Delete(path);
            }
        }
    }

    static string[] MountsBelow(string directory) =>
        [.. File.ReadLines("/proc/self/mounts").Select(l => l.Split(' ')[1])
            .Where(m => m.StartsWith($"{directory}/", StringComparison.Ordinal)).Reverse()];

    static void Kill(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // It ended by itself.
        }
    }
}
