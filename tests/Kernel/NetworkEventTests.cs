using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class NetworkEventTests(KernelSensor kernel)
{
    [Theory]
    [InlineData("AF_INET", "127.0.0.1")]
    [InlineData("AF_INET6", "::1")]
    public async Task A_connection_is_seen_from_both_ends(string family, string address)
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import socket as s\nl = s.socket(s.{family}); l.bind(('{address}', 0)); l.listen(3)\n" +
            $"c = s.socket(s.{family}); c.connect(l.getsockname()[:2]); a, _ = l.accept()\n" +
            "print(l.getsockname()[1], c.getsockname()[1])");
        var ports = seen.Printed.Split(' ').Select(ushort.Parse).ToArray();
        var connect = seen.One(EventKinds.Connect);
        Assert.Equal((address, ports[0], ports[1]), (connect.Peer, connect.PeerPort, connect.LocalPort));
        var accept = seen.One(EventKinds.Accept);
        Assert.Equal((address, ports[1], ports[0]), (accept.Peer, accept.PeerPort, accept.LocalPort));
        Assert.Equal(ports[0], seen.One(EventKinds.Bind).LocalPort);
        Assert.Equal(ports[0], seen.One(EventKinds.Listen).LocalPort);
        Assert.All(seen.Events.Where(e => e.Kind is EventKinds.Connect or EventKinds.Accept),
            e => Assert.False(e.Has(EventFlagBits.Failed) || e.Has(EventFlagBits.Unverified)));
    }

    [Theory]
    [InlineData("AF_INET", "127.0.0.1")]
    [InlineData("AF_INET6", "::1")]
    public async Task A_refused_connect_names_the_peer_that_was_asked_for(string family, string address)
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import socket as s\ntry: s.socket(s.{family}).connect(('{address}', 1))\nexcept OSError: pass");
        var connect = seen.One(EventKinds.Connect);
        Assert.Equal((address, (ushort)1), (connect.Peer, connect.PeerPort));
        Assert.True(connect.Has(EventFlagBits.Failed | EventFlagBits.Unverified));
        Assert.True(connect.Header.Result < 0);
    }

    [Fact]
    public async Task A_connect_under_way_is_not_a_failed_one()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import socket as s\nl = s.socket(); l.bind(('127.0.0.1', 0)); l.listen(3)\n" +
            "c = s.socket(); c.setblocking(False); c.connect_ex(l.getsockname()); print(l.getsockname()[1])");
        var connect = seen.One(EventKinds.Connect);
        Assert.Equal(("127.0.0.1", seen.Printed), (connect.Peer, $"{connect.PeerPort}"));
        Assert.False(connect.Has(EventFlagBits.Failed));
    }

    [Theory]
    [InlineData("'sock'", "sock")]
    [InlineData("b'\\0abstract' + str(__import__('os').getpid()).encode()", null)]
    public async Task A_unix_socket_is_told_by_its_name(string name, string? path)
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import socket as s\nn = {name}; l = s.socket(s.AF_UNIX); l.bind(n); l.listen(3)\n" +
            "c = s.socket(s.AF_UNIX); c.connect(n); l.accept()");
        path ??= $"@abstract{seen.Pid}";
        Assert.All([EventKinds.Connect, EventKinds.Bind, EventKinds.Listen], k => Assert.Equal(path, seen.One(k).Path));
    }

    [Fact]
    public async Task A_connect_that_carries_data_is_a_connect()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import socket as s\nl = s.socket(); l.bind(('127.0.0.1', 0)); l.listen(3)\n" +
            "s.socket().sendto(b'x', 0x20000000, l.getsockname()); print(l.getsockname()[1])");
        var connect = seen.One(EventKinds.Connect);
        Assert.Equal(("127.0.0.1", seen.Printed), (connect.Peer, $"{connect.PeerPort}"));
    }

    /// <summary>A v4 socket's sendto takes an address of no family as v4, so the event must too.</summary>
    [Fact]
    public async Task A_datagram_peer_cannot_hide_behind_an_unspecified_family()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import ctypes, socket as s\nu = s.socket(s.AF_INET, s.SOCK_DGRAM)\n" +
            "ctypes.CDLL(None).sendto(u.fileno(), b'x', 1, 0, bytes([0, 0, 0, 9, 127, 0, 0, 3]) + bytes(8), 16)");
        Assert.Equal(("127.0.0.3", (ushort)9), (seen.One(EventKinds.Send).Peer, seen.One(EventKinds.Send).PeerPort));
    }

    [Fact]
    public async Task A_datagram_peer_is_told_once()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import socket as s\nu = s.socket(s.AF_INET, s.SOCK_DGRAM)\n" +
            "for i in range(5): u.sendto(b'x', ('127.0.0.1', 9))\nu.sendmsg([b'x'], [], 0, ('127.0.0.1', 9))\n" +
            "u.sendto(b'x', ('127.0.0.2', 9))\n" +
            "v = s.socket(s.AF_INET6, s.SOCK_DGRAM); v.sendto(b'x', ('::1', 9))");
        Assert.Equal(["127.0.0.1", "127.0.0.2", "::1"],
            seen.Events.Where(e => e.Kind == EventKinds.Send && e.PeerPort == 9).Select(e => e.Peer));
    }

    [Fact]
    public async Task Every_message_of_a_batch_names_its_peer()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import ctypes, socket as s, struct\nu = s.socket(s.AF_INET, s.SOCK_DGRAM)\nkeep = []\nm = b''\n" +
            "for i in range(3):\n" +
            "    a = ctypes.create_string_buffer(struct.pack('=H', 2) + struct.pack('!H', 9) + bytes([127, 0, 0, 10 + i]) + bytes(8))\n" +
            "    d = ctypes.create_string_buffer(b'x')\n    v = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(d), 1))\n" +
            "    keep += [a, d, v]\n" +
            "    m += struct.pack('QIIQQQQII', ctypes.addressof(a), 16, 0, ctypes.addressof(v), 1, 0, 0, 0, 0) + struct.pack('II', 0, 0)\n" +
            "print(ctypes.CDLL(None).sendmmsg(u.fileno(), m, 3, 0))");
        Assert.Equal("3", seen.Printed);
        Assert.Equal(["127.0.0.10", "127.0.0.11", "127.0.0.12"],
            seen.Events.Where(e => e.Kind == EventKinds.Send && e.PeerPort == 9).Select(e => e.Peer));
    }

    /// <summary>While one thread waits for its connect, another takes the descriptor away and keeps the connection.</summary>
    [Fact]
    public async Task A_connect_whose_descriptor_is_gone_is_told_as_asked_and_flagged()
    {
        using var cgroup = kernel.Watch();
        // A listener whose backlog is full lets a connect wait until there is room.
        var seen = await cgroup.RunPython(
            "import os, socket as s, threading, time\nl = s.socket(); l.bind(('127.0.0.1', 0)); l.listen(0)\n" +
            "p = l.getsockname()\nfill = s.socket(); fill.connect(p)\nc = s.socket(); f = c.fileno()\n" +
            "t = threading.Thread(target=lambda: c.connect(p)); t.start()\n" +
            "while open(f'/proc/self/task/{t.native_id}/syscall').read().split()[0] != '42': time.sleep(.01)\n" +
            "k = os.dup(f); os.close(f); l.accept(); t.join(); c.detach(); print(p[1], s.socket(fileno=k).getpeername()[1])");
        var ports = seen.Printed.Split(' ');
        Assert.Equal(ports[0], ports[1]);
        var hidden = Assert.Single(seen.Events, e => e.Kind == EventKinds.Connect && e.Has(EventFlagBits.FdRaced));
        Assert.Equal(("127.0.0.1", ports[0]), (hidden.Peer, $"{hidden.PeerPort}"));
        Assert.True(hidden.Has(EventFlagBits.Unverified));
    }

    /// <summary>Said in the exec itself: the accept may still wait in the other ring when the exec is judged.</summary>
    [Fact]
    public async Task What_a_server_or_its_child_execs_says_so()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import os, socket as s\nl = s.socket(); l.bind(('127.0.0.1', 0)); l.listen(3)\n" +
            "if os.fork() == 0: os.execv('/usr/bin/busybox', ['true', 'child'])\nos.wait()\n" +
            "os.execv('/usr/bin/busybox', ['sh', '-c', '/usr/bin/busybox true grandchild; exit 0'])");
        SeenEvent Exec(string last) => Assert.Single(seen.Events,
            e => e.Kind == EventKinds.Exec && e.Arguments.EndsWith($"\0{last}\0", StringComparison.Ordinal));
        Assert.True(Exec("child").Has(EventFlagBits.Served));
        Assert.True(Exec("/usr/bin/busybox true grandchild; exit 0").Has(EventFlagBits.Served));
        // The shell itself serves nobody.
        Assert.False(Exec("grandchild").Has(EventFlagBits.Served));
    }
}
