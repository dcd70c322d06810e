using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>What files hold: written, cut, mapped as code; and what they are besides: attributes, devices.</summary>
[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class ContentEventTests(KernelSensor kernel)
{
    const string Opened = "import ctypes, mmap, os, sys\nc = ctypes.CDLL(None)\nf = os.open('f', os.O_RDWR)\n";

    async Task<WatchedCgroup> WithFile()
    {
        var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("f"), new string('x', 4096), TestContext.Current.CancellationToken);
        return cgroup;
    }

    [Theory]
    [InlineData("os.write(f, b'abc')", 3)]
    [InlineData("os.pwrite(f, b'abc', 1)", 3)]
    [InlineData("os.writev(f, [b'a', b'bc'])", 3)]
    [InlineData("os.pwritev(f, [b'a', b'bc'], 1)", 3)]
    [InlineData("os.sendfile(f, os.open('/proc/self/exe', 0), 0, 3)", 3)]
    [InlineData("r, w = os.pipe(); os.write(w, b'abc'); os.splice(r, f, 3)", 3)]
    [InlineData("g = os.open('g', os.O_RDWR | os.O_CREAT); os.copy_file_range(f, g, 3)", 3)]
    [InlineData("mmap.mmap(f, 4096, flags=mmap.MAP_SHARED, prot=3)", 0)]
    public async Task A_file_is_told_as_written_once_and_with_its_bytes(string call, int bytes)
    {
        using var cgroup = await WithFile();
        var seen = await cgroup.RunPython(Opened + $"{call}\n{call.Replace("r, w = os.pipe(); ", "", StringComparison.Ordinal)}");
        var e = seen.One(EventKinds.Written);
        Assert.Equal((cgroup.Name(call[0] == 'g' ? "g" : "f"), bytes), (e.Path, e.Header.Result));
        Assert.NotEqual(0ul, e.Inode);
        Assert.False(e.Has(EventFlagBits.Unverified));
    }

    [Fact]
    public async Task A_32_bit_write_is_a_write()
    {
        using var cgroup = await WithFile();
        var e = (await cgroup.RunPython(Calls32.Define + "c32(4, os.open('f', 1), b'abc', 3)")).One(EventKinds.Written, cgroup.Name("f"));
        Assert.Equal((3, true), (e.Header.Result, e.Has(EventFlagBits.Compat)));
    }

    /// <summary>Its parent opened it: the one that writes is told.</summary>
    [Fact]
    public async Task A_descriptor_from_elsewhere_is_no_way_round()
    {
        using var cgroup = await WithFile();
        var seen = await cgroup.RunPython(
            "import os\nf = os.open('f', os.O_WRONLY)\nif os.fork() == 0: os.dup2(f, 1); os.execv('/usr/bin/busybox', ['echo', 'x'])\nos.wait()");
        var e = seen.One(EventKinds.Written, cgroup.Name("f"));
        Assert.NotEqual(seen.Pid, e.Header.Pid);
        Assert.Equal("busybox", System.Text.Encoding.ASCII.GetString(e.Header.Comm).Replace("echo", "busybox", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reads_and_writes_of_pipes_are_not_told()
    {
        using var cgroup = await WithFile();
        var seen = await cgroup.RunPython(Opened + "r, w = os.pipe(); os.write(w, b'x'); os.read(f, 3); mmap.mmap(f, 4096, flags=mmap.MAP_PRIVATE, prot=3)");
        Assert.DoesNotContain(seen.Events, e => e.Kind == EventKinds.Written);
    }

    [Theory]
    [InlineData("os.truncate('f', 0)", true, true)]
    [InlineData("os.truncate('f', 9)", false, true)]
    [InlineData("os.ftruncate(f, 0)", true, false)]
    [InlineData("os.ftruncate(f, 9)", false, false)]
    public async Task A_truncate_tells_whether_anything_is_left(string call, bool empties, bool unverified)
    {
        using var cgroup = await WithFile();
        var e = (await cgroup.RunPython(Opened + call)).One(EventKinds.Truncate, cgroup.Name("f"));
        Assert.Equal((empties, unverified), ((e.OpenFlags & FileEvent.Truncates) != 0, e.Has(EventFlagBits.Unverified)));
    }

    [Theory]
    [InlineData("os.setxattr('f', 'security.capability', b'x')", "security.capability")]
    [InlineData("os.setxattr(f, 'trusted.a', b'x')", "trusted.a")]
    [InlineData("os.setxattr('f', 'user.a', b'x', follow_symlinks=False)", "user.a")]
    [InlineData("os.removexattr(f, 'user.absent')", "user.absent")]
    [InlineData("c32(226, b'f', b'user.a', b'x', 1, 0)", "user.a")]
    public async Task An_attribute_set_or_removed_is_told_by_its_name(string call, string attribute)
    {
        using var cgroup = await WithFile();
        var e = (await cgroup.RunPython((call[0] == 'c' ? Calls32.Define : "") + Opened + $"try: {call}\nexcept OSError: pass")).One(EventKinds.Setxattr);
        Assert.Equal((cgroup.Name("f"), attribute), (e.Path, e.Path2));
    }

    [Theory]
    [InlineData("os.mknod('n', 0o60600, os.makedev(8, 1))", 0x6180u, 0x801u)]
    [InlineData("os.mknod('n', 0o20600, os.makedev(1, 3))", 0x2180u, 0x103u)]
    [InlineData("os.mkfifo('n', 0o600)", 0x1180u, 0u)]
    public async Task A_node_made_tells_its_type_and_device(string call, uint mode, uint device)
    {
        using var cgroup = kernel.Watch();
        var e = (await cgroup.RunPython($"import os\ntry: {call}\nexcept OSError: pass")).One(EventKinds.Create, cgroup.Name("n"));
        Assert.Equal((mode, device), (e.Mode, e.Device));
    }

    /// <summary>By mmap, by a mapping made code afterwards, and by int 0x80.</summary>
    [Theory]
    [InlineData("mmap.mmap(f, 4096, flags=mmap.MAP_PRIVATE, prot=5)")]
    [InlineData("m = mmap.mmap(f, 4096, flags=mmap.MAP_PRIVATE, prot=3); assert c.mprotect(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(m))), 4096, 5) == 0")]
    [InlineData("c32(192, 0, 4096, 5, 2, f, 0)")]
    [InlineData("c32(90, words(0, 4096, 5, 2, f, 0))")]
    public async Task A_library_loaded_is_told_once_for_each_executable(string call)
    {
        using var cgroup = await WithFile();
        string program = Calls32.Define + Opened + call;
        var first = await cgroup.RunPython(program);
        var e = first.One(EventKinds.Library, cgroup.Name("f"));
        Assert.NotEqual(0ul, e.Inode);
        Assert.Contains(first.Events, l => l.Kind == EventKinds.Library && l.Path.Contains("/libc.so.6", StringComparison.Ordinal));
        Assert.DoesNotContain((await cgroup.RunPython(program)).Events, l => l.Kind == EventKinds.Library);
    }

    [Fact]
    public async Task A_library_that_lies_only_in_memory_or_is_deleted_is_flagged()
    {
        using var cgroup = await WithFile();
        var seen = await cgroup.RunPython(Opened +
            "os.unlink('f'); mmap.mmap(f, 4096, flags=mmap.MAP_PRIVATE, prot=5)\n" +
            "g = os.memfd_create('lib'); os.ftruncate(g, 4096); mmap.mmap(g, 4096, flags=mmap.MAP_PRIVATE, prot=5)");
        Assert.True(seen.One(EventKinds.Library, cgroup.Name("f")).Has(EventFlagBits.Deleted));
        Assert.True(Assert.Single(seen.Events, e => e.Kind == EventKinds.Library && e.Path.Contains("memfd:lib", StringComparison.Ordinal))
            .Has(EventFlagBits.Memfd));
    }

    /// <summary>What steers the kernel is a file like any other.</summary>
    [Theory]
    [InlineData("/proc/self/oom_score_adj", "/proc/{0}/oom_score_adj", "0")]
    [InlineData("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/core_pattern", "")]
    [InlineData("/sys/kernel/profiling", "/sys/kernel/profiling", "")]
    [InlineData("/dev/null", "/dev/null", "x")]
    public async Task A_write_to_dev_proc_or_sys_is_told(string path, string told, string content)
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import os\nf = os.open('{path}', os.O_WRONLY)\nif '{content}': os.write(f, b'{content}')");
        var open = seen.One(EventKinds.Open, string.Format(System.Globalization.CultureInfo.InvariantCulture, told, seen.Pid));
        Assert.True(open.Has(EventFlagBits.Write));
        Assert.Equal(content == "0", seen.Events.Any(e => e.Kind == EventKinds.Written && e.Path == open.Path));
    }
}
