using System.Globalization;
using System.Text.Json;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>Says what the sensors can and cannot see on this host before anything is installed for good.</summary>
static class PreflightCommand
{
    /// <summary>Where container runtimes listen by default.</summary>
    public static readonly IReadOnlyList<string> SocketPaths =
    [
        "/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock",
        "/run/crio/crio.sock", "/run/cri-dockerd.sock", "/run/docker.sock", "/run/podman/podman.sock",
    ];

    static readonly string[] CapabilityNames =
    [
        "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
        "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
        "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
        "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
        "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
        "checkpoint_restore",
    ];

    /// <summary>Writes the report to standard output as "json", or else as a table; 0 when the sensor would run, else 1.</summary>
    public static int Run(string output)
    {
        var report = Examine(SocketPaths);
        if (output == "json")
            Console.Out.WriteLine(JsonSerializer.Serialize(report, PreflightJson.Default.PreflightReport));
        else
            PreflightTable.Write(Console.Out, report);
        return report.SensorRuns ? 0 : 1;
    }

    /// <summary>Loads and unloads every probe, and the sensor itself unless its hooks are given; takes about a second.</summary>
    public static PreflightReport Examine(IEnumerable<string> socketPaths, IReadOnlyList<HookStatus>? hooks = null)
    {
        var unknown = new List<string>();
        var cgroups = CgroupTree.Read();
        var types = new List<ProgramTypeStatus>();
        IReadOnlyList<HookStatus> events;
        string problem = "";
        try
        {
            types = ProgramTypeProbe.Run();
            events = hooks ?? HooksOfSensor();
            if (cgroups.V2Mount.Length == 0)
                problem = "no cgroup v2 tree is mounted, so containers cannot be told apart; mount -t cgroup2 none /sys/fs/cgroup/unified";
        }
        catch (SensorException e)
        {
            problem = e.Message;
            events = HookTable.Describe(new Dictionary<string, string>(), new Dictionary<string, string>());
            events = [.. events.Select(h => h with { BlindReason = "the sensor does not run" })];
        }
        var capabilities = EffectiveCapabilities();
        if (!capabilities.Contains("sys_admin") && !(capabilities.Contains("bpf") && capabilities.Contains("perfmon")))
            unknown.Add("program types and hooks as the agent will find them: run preflight as root");
        return new PreflightReport
        {
            Kernel = ReadText("/proc/sys/kernel/osrelease", "kernel release", unknown),
            Btf = File.Exists("/sys/kernel/btf/vmlinux"),
            CgroupVersion = cgroups.Version,
            CgroupV2Mount = cgroups.V2Mount,
            ActiveLsms = ReadText("/sys/kernel/security/lsm", "active LSMs", unknown)
                .Split(',', StringSplitOptions.RemoveEmptyEntries),
            RuntimeSockets = [.. socketPaths.Where(File.Exists)],
            Capabilities = capabilities,
            ProgramTypes = types,
            Events = events,
            SensorRuns = problem.Length == 0,
            SensorProblem = problem,
            Unknown = unknown,
        };
    }

    static IReadOnlyList<HookStatus> HooksOfSensor()
    {
        using var sensor = BpfSensor.Load(new BpfSensorOptions());
        return sensor.Hooks;
    }

    static string ReadText(string path, string what, List<string> unknown)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            unknown.Add($"{what}: there is no {path}; mount its file system");
            return "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            unknown.Add($"{what}: {e.Message}");
            return "";
        }
    }

    static List<string> EffectiveCapabilities()
    {
        const string Field = "CapEff:";
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(Field, StringComparison.Ordinal));
        ulong bits = ulong.Parse(line.AsSpan(Field.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return [.. Enumerable.Range(0, 64).Where(bit => (bits >> bit & 1) != 0)
            .Select(bit => bit < CapabilityNames.Length ? CapabilityNames[bit] : $"capability {bit}")];
    }
}
