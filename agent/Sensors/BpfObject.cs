using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>
/// The embedded object, loaded with every program this kernel takes: one that is refused is left out, named with its
/// reason, and the rest is loaded again without it.
/// </summary>
sealed unsafe class BpfObject : IDisposable
{
    const string Sensor = "runtimeguard.bpf.o";
    const string Probe = "probe.bpf.o";
    const int ProgramsMax = 64;
    static readonly ConcurrentQueue<string> Messages = new();
    readonly BpfObjectHandle _handle;

    BpfObject(BpfObjectHandle handle, IReadOnlyDictionary<string, string> refused)
    {
        _handle = handle;
        Refused = refused;
    }

    /// <summary>Program name to the reason it did not load.</summary>
    public IReadOnlyDictionary<string, string> Refused { get; }

    /// <summary>The ELF image of the sensor's object.</summary>
    public static byte[] Image() => Image(Sensor);

    static byte[] Image(string resource)
    {
        using var stream = typeof(BpfObject).Assembly.GetManifestResourceStream(resource)
            ?? throw new SensorException($"the agent was built without {resource}; build it again");
        var image = new byte[stream.Length];
        stream.ReadExactly(image);
        return image;
    }

    public static BpfObject Load(Action<BpfObject> configure)
    {
        var image = Image();
        var refused = new Dictionary<string, string>();
        for (int attempt = 0; attempt < ProgramsMax; attempt++)
        {
            var candidate = new BpfObject(Open(image), refused);
            foreach (var (name, program) in candidate.Programs())
            {
                if (refused.ContainsKey(name))
                    LibBpf.bpf_program__set_autoload(program, false);
            }
            configure(candidate);
            Messages.Clear();
            int result = LibBpf.bpf_object__load(candidate._handle);
            if (result == 0)
                return candidate;
            candidate.Dispose();
            string reason = Marshal.GetPInvokeErrorMessage(-result);
            if (FailedProgram() is not { } failed || !refused.TryAdd(failed, reason))
            {
                throw new SensorException(
                    $"bpf_object__load failed: {reason}: {string.Join(" | ", Messages.TakeLast(3))}; " +
                    "run as root (CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE) on Linux 5.10 or newer with /sys/kernel/btf/vmlinux");
            }
        }
        throw new SensorException("no BPF program loads on this kernel; use Linux 5.10 or newer with BTF");
    }

    /// <summary>The probe object with this one program of it; 0 or the errno of what refused it.</summary>
    public static int TryLoadProbe(string program, out BpfObject? loaded)
    {
        var candidate = new BpfObject(Open(Image(Probe)), new Dictionary<string, string>());
        foreach (var (name, at) in candidate.Programs())
            LibBpf.bpf_program__set_autoload(at, name == program);
        int result = LibBpf.bpf_object__load(candidate._handle);
        loaded = result == 0 ? candidate : null;
        if (result != 0)
            candidate.Dispose();
        return -result;
    }

    public IEnumerable<(string Name, nint Program)> Programs()
    {
        for (nint p = LibBpf.bpf_object__next_program(_handle, 0); p != 0; p = LibBpf.bpf_object__next_program(_handle, p))
            yield return (NameOf(p), p);
    }

    public nint Map(string name) => LibBpf.bpf_object__find_map_by_name(_handle, name) is var map and not 0
        ? map
        : throw new SensorException($"the embedded BPF object has no map '{name}'; build the agent again");

    public int MapFd(string name) => LibBpf.bpf_map__fd(Map(name));

    public void Dispose() => _handle.Dispose();

    static BpfObjectHandle Open(byte[] image)
    {
        try
        {
            LibBpf.libbpf_set_print(&OnPrint);
        }
        catch (DllNotFoundException)
        {
            throw new SensorException("libbpf.so.1 is not installed; install libbpf 1.0 or newer (Debian: libbpf1)");
        }
        fixed (byte* at = image)
        {
            nint obj = LibBpf.bpf_object__open_mem(at, (nuint)image.Length, null);
            return obj != 0
                ? new BpfObjectHandle(obj)
                : throw new SensorException(
                    $"bpf_object__open_mem failed: {Marshal.GetLastPInvokeErrorMessage()}; install libbpf 1.0 or newer");
        }
    }

    static string NameOf(nint program) => Marshal.PtrToStringUTF8((nint)LibBpf.bpf_program__name(program)) ?? "";

    /// <summary>libbpf says which program the verifier or the kernel refused only in its log.</summary>
    static string? FailedProgram()
    {
        foreach (var message in Messages)
        {
            int start = message.IndexOf("prog '", StringComparison.Ordinal);
            int end = message.IndexOf("': failed to load", StringComparison.Ordinal);
            if (start >= 0 && end > start)
                return message[(start + 6)..end];
        }
        return null;
    }

    [UnmanagedCallersOnly]
    static int OnPrint(int level, byte* format, nint list)
    {
        const int Warning = 0;
        const int Kept = 64;
        if (level > Warning)
            return 0;
        var buffer = stackalloc byte[512];
        int length = LibBpf.vsnprintf(buffer, 512, format, list);
        Messages.Enqueue(Encoding.UTF8.GetString(buffer, Math.Clamp(length, 0, 511)).TrimEnd());
        while (Messages.Count > Kept)
            Messages.TryDequeue(out _);
        return 0;
    }
}
