using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>
/// A 64-bit program may enter the kernel by the i386 door at any time, where other numbers mean other calls and system
/// call tracepoints see nothing: each call means what it means by the front door.
/// </summary>
[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class CompatEventTests(KernelSensor kernel)
{
    [Theory]
    [InlineData("c32(5, b'a', 2)", (int)EventKinds.Open, "a", "")]
    [InlineData("c32(5, b'b', 0o102, 0o600)", (int)EventKinds.Create, "b", "")]
    [InlineData("c32(8, b'b', 0o600)", (int)EventKinds.Create, "b", "")]
    [InlineData("c32(295, -100, b'a', 1)", (int)EventKinds.Open, "a", "")]
    [InlineData("c32(437, -100, b'a', struct.pack('QQQ', 1, 0, 0), 24)", (int)EventKinds.Open, "a", "")]
    [InlineData("c32(39, b'b', 0o700)", (int)EventKinds.Create, "b", "")]
    [InlineData("c32(297, -100, b'b', 0o600, 0)", (int)EventKinds.Create, "b", "")]
    [InlineData("c32(10, b'a')", (int)EventKinds.Unlink, "a", "")]
    [InlineData("c32(40, b'd')", (int)EventKinds.Unlink, "d", "")]
    [InlineData("c32(301, -100, b'a', 0)", (int)EventKinds.Unlink, "a", "")]
    [InlineData("c32(38, b'a', b'b')", (int)EventKinds.Rename, "a", "b")]
    [InlineData("c32(353, -100, b'a', -100, b'd/b', 0)", (int)EventKinds.Rename, "a", "d/b")]
    [InlineData("c32(9, b'a', b'b')", (int)EventKinds.Link, "a", "b")]
    [InlineData("c32(15, b'a', 0o4755)", (int)EventKinds.Chmod, "a", "")]
    [InlineData("c32(94, os.open('a', 0), 0o4755)", (int)EventKinds.Chmod, "a", "")]
    [InlineData("c32(182, b'a', 12, 34)", (int)EventKinds.Chown, "a", "")]
    [InlineData("c32(207, os.open('a', 0), 12, 34)", (int)EventKinds.Chown, "a", "")]
    [InlineData("c32(298, -100, b'a', 12, 34, 0)", (int)EventKinds.Chown, "a", "")]
    public async Task What_a_32_bit_call_does_to_files_is_told(string call, int kind, string path, string path2)
    {
        using var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("a"), "x", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(cgroup.Name("d"));
        var seen = await cgroup.RunPython(Calls32.Define + $"print({call})");
        Assert.False(seen.Printed.StartsWith('-'), seen.Printed);
        var e = Assert.Single(seen.Events, e => e.Kind == (EventKinds)kind && e.Has(EventFlagBits.Compat));
        Assert.Equal((cgroup.Name(path), path2.Length > 0 ? cgroup.Name(path2) : ""), (e.Path, e.Path2));
        Assert.Equal(int.Parse(seen.Printed, System.Globalization.CultureInfo.InvariantCulture), e.Header.Result);
        if (e.Kind == EventKinds.Chmod)
            Assert.Equal(Convert.ToUInt32("4755", 8), e.Mode);
        if (e.Kind == EventKinds.Chown)
            Assert.Equal((12u, 34u), (e.Uid, e.Gid));
    }

    [Fact]
    public async Task A_refused_32_bit_open_is_the_callers_word()
    {
        using var cgroup = kernel.Watch();
        var e = (await cgroup.RunPython(Calls32.Define + "c32(5, b'absent', 1)")).One(EventKinds.Open, cgroup.Name("absent"));
        Assert.True(e.Has(EventFlagBits.Compat | EventFlagBits.Failed | EventFlagBits.Unverified | EventFlagBits.Write));
        Assert.Equal(-2, e.Header.Result);
    }

    /// <summary>By numbers of their own, and by socketcall, whose arguments lie in memory.</summary>
    [Theory]
    [InlineData("c32(362, c.fileno(), a, 16)", "c32(364, l.fileno(), 0, 0, 0)", false)]
    [InlineData("c32(102, 3, words(c.fileno(), a, 16))", "c32(102, 5, words(l.fileno(), 0, 0))", true)]
    public async Task A_32_bit_connection_is_seen_from_both_ends(string connect, string accept, bool unverified)
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(Calls32.Define +
            "l = s.socket(); l.bind(('127.0.0.1', 0)); l.listen(3); c = s.socket(); a = v4(l.getsockname()[1], 1)\n" +
            $"print({connect}, {accept} > 0, l.getsockname()[1])");
        Assert.StartsWith("0 True ", seen.Printed, StringComparison.Ordinal);
        string port = seen.Printed["0 True ".Length..];
        var connected = seen.One(EventKinds.Connect);
        var accepted = seen.One(EventKinds.Accept);
        Assert.Equal(("127.0.0.1", port), (connected.Peer, $"{connected.PeerPort}"));
        Assert.Equal((connected.LocalPort, port), (accepted.PeerPort, $"{accepted.LocalPort}"));
        Assert.All([connected, accepted], e => Assert.Equal((true, unverified),
            (e.Has(EventFlagBits.Compat), e.Has(EventFlagBits.Unverified))));
    }

    /// <summary>Structures of a 32-bit caller have 32-bit pointers.</summary>
    [Theory]
    [InlineData("c32(369, u.fileno(), b'x', 1, 0, v4(9, 7), 16)")]
    [InlineData("c32(102, 11, words(u.fileno(), b'x', 1, 0, v4(9, 7), 16))")]
    [InlineData("c32(370, u.fileno(), words(v4(9, 7), 16, words(b'x', 1), 1, 0, 0, 0), 0)")]
    [InlineData("c32(345, u.fileno(), words(v4(9, 7), 16, words(b'x', 1), 1, 0, 0, 0, 0), 1, 0)")]
    public async Task A_32_bit_datagram_names_its_peer(string call)
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(Calls32.Define + $"u = s.socket(s.AF_INET, s.SOCK_DGRAM); print({call})");
        Assert.Equal("1", seen.Printed);
        var e = seen.One(EventKinds.Send);
        Assert.Equal(("127.0.0.7", (ushort)9, true), (e.Peer, e.PeerPort, e.Has(EventFlagBits.Compat)));
    }

    [Theory]
    [InlineData("c32(21, b'none', b'/absent', b'tmpfs', 6, 0)", (int)Privileges.Mount, 6, 0)]
    [InlineData("c32(310, 0x04000000)", (int)Privileges.Unshare, 0x04000000, 0)]
    [InlineData("c32(346, os.open('/proc/self/ns/uts', 0), 0x04000000)", (int)Privileges.Setns, 0x04000000, 0)]
    [InlineData("c32(26, 16, 999999, 0, 0)", (int)Privileges.Ptrace, 16, 999999)]
    [InlineData("c32(348, 999999, 0, 0, 0, 0)", (int)Privileges.VmWritev, 999999, 999999)]
    [InlineData("c32(128, 0, 0, b'')", (int)Privileges.Module, 0, 0)]
    [InlineData("c32(357, 5, 0, 0)", (int)Privileges.Bpf, 5, 0)]
    public async Task A_32_bit_call_that_reaches_out_is_told(string call, int operation, uint argument, uint target)
    {
        using var cgroup = kernel.Watch();
        var e = (await cgroup.RunPython(Calls32.Define + call)).One(EventKinds.Privilege);
        Assert.Equal(((Privileges)operation, argument, target), (e.Operation, (uint)e.Argument, e.Target));
        Assert.True(e.Has(EventFlagBits.Compat));
    }

    /// <summary>Above its 32 bits the kernel ignores a number; so must whoever compares it.</summary>
    [Fact]
    public async Task A_number_with_bits_the_kernel_ignores_is_the_same_call()
    {
        using var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("a"), "x", TestContext.Current.CancellationToken);
        var seen = await cgroup.RunPython(
            "import ctypes\nprint(ctypes.CDLL(None).syscall(ctypes.c_long(0x700000057), b'a'))");
        Assert.Equal(seen.Printed == "0" ? 0 : -38, seen.One(EventKinds.Unlink, cgroup.Name("a")).Header.Result);
    }

    /// <summary>x32's numbers have a bit of their own; a kernel without x32 refuses them, and the attempt is told.</summary>
    [Fact]
    public async Task An_x32_call_is_told_whether_or_not_the_kernel_takes_it()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython("import ctypes\nprint(ctypes.CDLL(None).syscall(ctypes.c_long(0x40000057), b'absent'))");
        var e = seen.One(EventKinds.Unlink, cgroup.Name("absent"));
        Assert.True(e.Has(EventFlagBits.Compat | EventFlagBits.Failed | EventFlagBits.Unverified));
    }
}
