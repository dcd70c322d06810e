using System.Globalization;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>Real questions to a real nameserver on a loopback address of its own; the nameserver runs outside of the watched cgroup.</summary>
[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class DnsEventTests(KernelSensor kernel)
{
    const string Ask =
        "import socket as s, sys\nu = s.socket(s.AF_INET, s.SOCK_DGRAM); u.settimeout(5)\n" +
        "for q in sys.argv[2:]: u.sendto(bytes.fromhex(q), (sys.argv[1], 53)); u.recv(9000)\nprint(u.getsockname()[1])";

    [Fact]
    public async Task A_question_and_its_answer_are_seen_with_who_asked()
    {
        using var server = DnsResponder.Start();
        server.Names("db.example.com", "192.0.2.7", "192.0.2.8");
        using var cgroup = kernel.Watch();
        var question = DnsBytes.Question(0x1234, "db.example.com");
        var seen = await cgroup.RunPython(Ask, $"{server.Address}", Convert.ToHexString(question));

        var asked = Assert.Single(seen.Events, e => e is { Kind: EventKinds.Dns, IsAnswer: false });
        var answer = Assert.Single(seen.Events, e => e is { Kind: EventKinds.Dns, IsAnswer: true });
        Assert.Equal(question, asked.Message);
        Assert.Equal(DnsBytes.Reply(question, DnsBytes.Answer.Of("db.example.com", "192.0.2.7", 1),
            DnsBytes.Answer.Of("db.example.com", "192.0.2.8", 1)), answer.Message);
        Assert.All([asked, answer], e =>
        {
            Assert.Equal(($"{server.Address}", seen.Printed), (e.Peer, e.LocalPort.ToString(CultureInfo.InvariantCulture)));
            Assert.Equal((true, ProcfsSensor.HostNetworkNamespace), (e.OverLoopback, e.NetNamespace));
            Assert.False(e.Has(EventFlagBits.Truncated));
        });
        var exec = Assert.Single(seen.Events, e => e.Kind == EventKinds.Exec && e.Path.Contains("python", StringComparison.Ordinal));
        Assert.Equal((seen.Pid, exec.Header.StartNs, exec.Header.ParentPid), (asked.Header.Pid, asked.Header.StartNs, asked.Header.ParentPid));
        // On the way in whoever runs was only interrupted.
        Assert.Equal((0u, 0ul), (answer.Header.Pid, answer.Header.StartNs));
        Assert.True(asked.Header.TimeNs <= answer.Header.TimeNs);
    }

    [Fact]
    public async Task Long_messages_are_whole_up_to_the_bound_and_flagged_beyond_it()
    {
        using var server = DnsResponder.Start();
        server.Names("long.example", [.. Enumerable.Range(1, 60).Select(i => $"192.0.2.{i}")]);
        server.Names("longer.example", [.. Enumerable.Range(1, 80).Select(i => $"192.0.2.{i}")]);
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(Ask, $"{server.Address}",
            Convert.ToHexString(DnsBytes.Question(1, "long.example")), Convert.ToHexString(DnsBytes.Question(2, "longer.example")));
        var answers = seen.Events.Where(e => e is { Kind: EventKinds.Dns, IsAnswer: true }).ToList();
        Assert.Equal([990, KernelEvent.DnsMax], answers.Select(e => e.Message.Length));
        Assert.Equal([false, true], answers.Select(e => e.Has(EventFlagBits.Truncated)));
    }

    [Fact]
    public async Task V6_is_seen_and_what_is_no_datagram_of_port_53_is_not()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import socket as s\nu = s.socket(s.AF_INET6, s.SOCK_DGRAM)\nu.sendto(b'x' * 40, ('::1', 53)); u.sendto(b'y', ('::1', 54))\n" +
            "u.sendto(b'', ('::1', 53))\nv = s.socket(s.AF_INET, s.SOCK_DGRAM); v.sendto(b'z', ('127.0.0.1', 5353))\n" +
            "w = s.socket(s.AF_INET6, s.SOCK_DGRAM); w.setsockopt(41, 26, 0); w.sendto(b'm' * 3, ('::ffff:127.0.0.1', 53))");
        var asked = seen.Events.Where(e => e.Kind == EventKinds.Dns).ToList();
        Assert.Equal([("::1", 40), ("127.0.0.1", 3)], asked.Select(e => (e.Peer, e.Message.Length)));
    }

    /// <summary>A container that is its own nameserver: what its packets say of that decides that it names nothing.</summary>
    [Fact]
    public async Task What_never_left_a_network_namespace_of_its_own_says_so()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.Run("/usr/bin/unshare", "-n", "/usr/bin/python3", "-I", "-S", "-c",
            "import fcntl, socket as s, struct\nu = s.socket(s.AF_INET, s.SOCK_DGRAM)\n" +
            "fcntl.ioctl(u, 0x8914, struct.pack('16sh22x', b'lo', 65))\nd = s.socket(s.AF_INET, s.SOCK_DGRAM); d.bind(('127.0.0.1', 53))\n" +
            "u.sendto(b'x' * 20, ('127.0.0.1', 53)); m, a = d.recvfrom(99); d.sendto(m, a); u.recv(99)");
        var packets = seen.Events.Where(e => e.Kind == EventKinds.Dns).ToList();
        Assert.Equal([false, true], packets.Select(e => e.IsAnswer));
        Assert.All(packets, e =>
        {
            Assert.True(e.OverLoopback);
            Assert.NotEqual(0u, e.NetNamespace);
            Assert.NotEqual(ProcfsSensor.HostNetworkNamespace, e.NetNamespace);
        });
    }

    [Fact]
    public async Task A_flood_of_questions_is_cut_and_counted_and_hides_no_connect()
    {
        using var cgroup = kernel.Watch();
        var before = Losses(cgroup.Slot);
        var seen = await cgroup.RunPython(
            "import socket as s\nu = s.socket(s.AF_INET, s.SOCK_DGRAM)\n" +
            "for i in range(3000): u.sendto(b'x' * 30, ('127.0.0.1', 53))\n" +
            "try: s.socket().connect(('127.0.0.1', 1))\nexcept OSError: pass");
        var told = seen.Events.Count(e => e.Kind == EventKinds.Dns);
        Assert.InRange(told, 1000, 2999);
        Assert.Equal(3000ul, (ulong)told + Losses(cgroup.Slot) - before);
        Assert.Equal(1, seen.One(EventKinds.Connect).PeerPort);
    }

    ulong Losses(uint slot)
    {
        var counters = new LossCounter[SlotTable.MostLosses];
        return counters.AsSpan(0, kernel.Sensor.ReadLosses(counters)).ToArray()
            .Where(l => l.Slot == slot && l is { Class: "dns", Cause: "rate" }).Aggregate(0ul, (sum, l) => sum + l.Count);
    }
}
