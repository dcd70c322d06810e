using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>
/// Tries each BPF program type by loading one program of it alone, attaching it, opening a file or sending a
/// datagram to itself, and looking whether it ran. Nothing stays attached.
/// </summary>
static unsafe class ProgramTypeProbe
{
    const string Ring = "ringbuf";
    const string Packets = "cgroup_skb";
    static readonly string[] Types = ["tracepoint", "raw_tp", "tp_btf", "fentry", "fexit", "lsm", "kprobe", Packets, Ring];

    /// <exception cref="SensorException">libbpf is missing or too old.</exception>
    public static List<ProgramTypeStatus> Run() => [.. Types.Select(Try)];

    static ProgramTypeStatus Try(string type)
    {
        string program = $"probe_{type}";
        int errno = BpfObject.TryLoadProbe(program, out var loaded);
        if (loaded is null)
            return new ProgramTypeStatus(type, false, false, Marshal.GetPInvokeErrorMessage(errno));
        using (loaded)
        {
            string section = type == Packets ? BpfAttachment.OfCgroup : "";
            if (BpfAttachment.Try(loaded.Programs().First(p => p.Name == program).Program, section, out var link) is { } problem)
                return new ProgramTypeStatus(type, true, false, $"attach: {problem}");
            using (link)
            {
                using (File.OpenRead("/proc/self/stat"))
                {
                    if (type == Packets)
                        SendOne();
                    bool fires = Fired(loaded) && (type != Ring || Received(loaded));
                    return new ProgramTypeStatus(type, true, fires, fires ? "" : "loads and attaches but never runs");
                }
            }
        }
    }

    /// <summary>One datagram to a port of the loopback where this socket itself receives: nobody else gets it.</summary>
    static void SendOne()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.SendTo([0], socket.LocalEndPoint!);
    }

    static bool Fired(BpfObject loaded)
    {
        uint key = 0;
        ulong fired = 0;
        return LibBpf.bpf_map_lookup_elem(loaded.MapFd(".bss"), &key, &fired) == 0 && fired != 0;
    }

    static bool Received(BpfObject loaded)
    {
        using var ring = new BpfRing(loaded.MapFd("ring"));
        return ring.Consume(static _ => { }) > 0;
    }
}
