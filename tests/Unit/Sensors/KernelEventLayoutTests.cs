using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Unit.Sensors;

/// <summary>The embedded object's own type information against the mirrors: the contract cannot drift unnoticed.</summary>
public sealed class KernelEventLayoutTests
{
    static readonly Lazy<Dictionary<string, JsonElement>> Structs = new(ReadStructs);

    public static TheoryData<string, Type, string> Mirrors => new()
    {
        {
            "rg_header", typeof(EventHeader),
            "version kind size time_ns start_ns parent_start_ns cgroup_id pid tid parent_pid uid slot epoch flags ret comm"
        },
        {
            "rg_exec_event", typeof(ExecFixed),
            "h inode device mount_ns ns_pid exe_len script_len args_len argc pad"
        },
        { "rg_exit_event", typeof(ExitFixed), "h exit_code pad" },
        {
            "rg_file_event", typeof(FileFixed),
            "h inode parent_inode device generation open_flags mode uid gid path_len path2_len pad"
        },
        {
            "rg_net_event", typeof(NetworkFixed),
            "h peer local net_ns family peer_port local_port protocol pad0 path_len pad1"
        },
        { "rg_privilege_event", typeof(PrivilegeFixed), "h argument operation target_pid path_len path2_len pad" },
        { "rg_dns_event", typeof(DnsFixed), "h server net_ns family client_port payload_len answer loopback pad" },
        { "rg_cgroup_event", typeof(CgroupFixed), "h level path_len pad" },
        { "rg_slot", typeof(SlotTable.Slot), "epoch generation active host tat loss" },
        { "rg_task", typeof(BpfSensor.SeededTask), "start_ns slot generation seeded serves" },
    };

    /// <summary>A fork is its header alone, so it has no mirror of its own.</summary>
    [Fact]
    public void A_fork_is_a_header() =>
        Assert.Equal(Marshal.SizeOf<EventHeader>(), Structs.Value["rg_fork_event"].GetProperty("size").GetInt32());

    [Theory]
    [MemberData(nameof(Mirrors))]
    public void A_mirror_has_the_size_and_offsets_of_its_struct(string name, Type mirror, string members)
    {
        var layout = Structs.Value[name];
        Assert.Equal(layout.GetProperty("size").GetInt32(), Marshal.SizeOf(mirror));
        var inKernel = layout.GetProperty("members").EnumerateArray()
            .Select(m => (m.GetProperty("name").GetString()!, m.GetProperty("bits_offset").GetInt32() / 8)).ToList();
        var here = mirror.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .OrderBy(f => f.MetadataToken).Select(f => (int)Marshal.OffsetOf(mirror, f.Name));
        Assert.Equal(members.Split(' ').Zip(here), inKernel);
    }

    [Fact]
    public void The_peer_address_follows_the_header() =>
        Assert.Equal(Marshal.SizeOf<EventHeader>(), (int)Marshal.OffsetOf<NetworkFixed>(nameof(NetworkFixed.Peer)));

    [Fact]
    public void The_server_address_follows_the_header() =>
        Assert.Equal(Marshal.SizeOf<EventHeader>(), (int)Marshal.OffsetOf<DnsFixed>(nameof(DnsFixed.Server)));

    static Dictionary<string, JsonElement> ReadStructs()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, BpfObject.Image());
            using var dump = Process.Start(new ProcessStartInfo("bpftool", ["btf", "dump", "file", file, "format", "raw", "-j"])
            {
                RedirectStandardOutput = true,
            })!;
            using var types = JsonDocument.Parse(dump.StandardOutput.ReadToEnd());
            dump.WaitForExit();
            Assert.Equal(0, dump.ExitCode);
            return types.RootElement.GetProperty("types").EnumerateArray()
                .Where(t => t.GetProperty("kind").GetString() == "STRUCT"
                    && t.GetProperty("name").GetString()!.StartsWith("rg_", StringComparison.Ordinal))
                .ToDictionary(t => t.GetProperty("name").GetString()!, t => t.Clone());
        }
        finally
        {
            File.Delete(file);
        }
    }
}
