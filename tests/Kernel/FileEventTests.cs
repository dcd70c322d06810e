using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class FileEventTests(KernelSensor kernel)
{
    const uint ReadWrite = EventFlagBits.Read | EventFlagBits.Write;

    [Theory]
    [InlineData("os.O_RDONLY", EventFlagBits.Read)]
    [InlineData("os.O_WRONLY", EventFlagBits.Write)]
    [InlineData("os.O_RDWR", ReadWrite)]
    [InlineData("os.O_WRONLY | os.O_CREAT | os.O_TRUNC", EventFlagBits.Write)]
    public async Task An_open_of_what_exists_tells_reading_from_writing(string mode, uint access)
    {
        using var cgroup = kernel.Watch();
        string file = cgroup.Name("data");
        await File.WriteAllTextAsync(file, "x", TestContext.Current.CancellationToken);
        var open = (await cgroup.RunPython($"import os; os.open('data', {mode})")).One(EventKinds.Open, file);
        Assert.Equal(access, open.Header.Flags & ReadWrite);
        Assert.False(open.Has(EventFlagBits.Unverified));
        Assert.True(open.Header.Result >= 0);
        Assert.NotEqual(0ul, open.Inode);
    }

    [Theory]
    [InlineData("os.open('made', os.O_RDWR | os.O_CREAT, 0o600)", ReadWrite)]
    [InlineData("os.open(b'made', os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=os.open('.', os.O_RDONLY))", EventFlagBits.Write)]
    public async Task A_file_made_by_an_open_is_a_create(string call, uint access)
    {
        using var cgroup = kernel.Watch();
        var made = (await cgroup.RunPython($"import os; {call}")).One(EventKinds.Create, cgroup.Name("made"));
        Assert.Equal(access, made.Header.Flags & ReadWrite);
    }

    [Fact]
    public async Task A_failed_open_is_the_callers_word_and_flagged()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython("import os\ntry: os.open('absent', os.O_WRONLY)\nexcept FileNotFoundError: pass");
        var open = seen.One(EventKinds.Open, cgroup.Name("absent"));
        Assert.True(open.Has(EventFlagBits.Failed | EventFlagBits.Unverified | EventFlagBits.Write));
        Assert.Equal(-2, open.Header.Result);
    }

    [Theory]
    [InlineData("os.unlink('a')", (int)EventKinds.Unlink, "a", "")]
    [InlineData("os.rmdir('d')", (int)EventKinds.Unlink, "d", "")]
    [InlineData("os.unlink('a', dir_fd=os.open('.', os.O_RDONLY))", (int)EventKinds.Unlink, "a", "")]
    [InlineData("os.rename('a', 'b')", (int)EventKinds.Rename, "a", "b")]
    [InlineData("os.rename('a', 'd/b')", (int)EventKinds.Rename, "a", "d/b")]
    [InlineData("os.link('a', 'b')", (int)EventKinds.Link, "a", "b")]
    public async Task Names_are_made_absolute(string call, int kind, string path, string path2)
    {
        using var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("a"), "x", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(cgroup.Name("d"));
        var e = (await cgroup.RunPython($"import os; {call}")).One((EventKinds)kind);
        Assert.Equal((cgroup.Name(path), path2.Length > 0 ? cgroup.Name(path2) : ""), (e.Path, e.Path2));
        Assert.Equal(0, e.Header.Result);
    }

    [Fact]
    public async Task A_symlink_tells_its_text_and_where_it_lies()
    {
        using var cgroup = kernel.Watch();
        var e = (await cgroup.RunPython("import os; os.symlink('../etc/shadow', 'l')")).One(EventKinds.Symlink);
        Assert.Equal(("../etc/shadow", cgroup.Name("l")), (e.Path, e.Path2));
    }

    [Theory]
    [InlineData("os.chmod('a', 0o4755)")]
    [InlineData("os.chmod(os.open('a', os.O_RDONLY), 0o4755)")]
    [InlineData("os.chmod('a', 0o4755, dir_fd=os.open('.', os.O_RDONLY))")]
    public async Task A_chmod_tells_the_new_mode(string call)
    {
        using var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("a"), "x", TestContext.Current.CancellationToken);
        var e = (await cgroup.RunPython($"import os; {call}")).One(EventKinds.Chmod, cgroup.Name("a"));
        Assert.Equal(Convert.ToUInt32("4755", 8), e.Mode & 0xfff);
    }

    [Theory]
    [InlineData("os.chown('a', 12, 34)")]
    [InlineData("os.lchown('a', 12, 34)")]
    [InlineData("os.chown(os.open('a', os.O_RDONLY), 12, 34)")]
    [InlineData("os.chown('a', 12, 34, dir_fd=os.open('.', os.O_RDONLY))")]
    public async Task A_chown_tells_the_new_owner(string call)
    {
        using var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("a"), "x", TestContext.Current.CancellationToken);
        var e = (await cgroup.RunPython($"import os; {call}")).One(EventKinds.Chown, cgroup.Name("a"));
        Assert.Equal((12u, 34u), (e.Uid, e.Gid));
    }

    [Theory]
    [InlineData("b'a\\nb'", "a\nb")]
    [InlineData("b'\\xff\\xfe'", "\u00ff\u00fe")]
    [InlineData("b'\\x1b[2J'", "\u001b[2J")]
    [InlineData("b'n' * 255", "*255")]
    public async Task Any_name_arrives_byte_for_byte(string name, string expected)
    {
        expected = expected == "*255" ? new string('n', 255) : expected;
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython($"import os; os.open({name}, os.O_RDWR | os.O_CREAT)");
        Assert.Equal($"{cgroup.Directory}/{expected}", seen.One(EventKinds.Create).Path);
    }

    /// <summary>Beyond the bound the end is what tells most: it is kept, the rest is cut and flagged.</summary>
    [Theory]
    [InlineData(200, 19)]
    [InlineData(20, 150)]
    public async Task A_path_of_four_kilobytes_or_many_components_keeps_its_end(int length, int depth)
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import os\nfor i in range({depth}): os.mkdir('d' * {length}); os.chdir('d' * {length})\n" +
            "os.open('end', os.O_RDWR | os.O_CREAT)");
        var made = Assert.Single(seen.Events, e => e.Kind == EventKinds.Create && e.Path.EndsWith("/end", StringComparison.Ordinal));
        Assert.Equal(depth + 1, seen.Events.Count(e => e.Kind == EventKinds.Create));
        Assert.EndsWith("d/end", made.Path, StringComparison.Ordinal);
        Assert.True(made.Path.Length <= KernelEvent.PathMax);
        bool whole = made.Path.StartsWith(cgroup.Directory, StringComparison.Ordinal);
        Assert.NotEqual(whole, made.Has(EventFlagBits.Truncated));
    }

    [Fact]
    public async Task Directories_and_devices_are_made_by_name()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython("import os; os.mkdir('a'); os.mknod('b', 0o644); d = os.open('.', 0); os.mkdir('c', dir_fd=d)");
        Assert.Equal([cgroup.Name("a"), cgroup.Name("b"), cgroup.Name("c")],
            seen.Events.Where(e => e.Kind == EventKinds.Create).Select(e => e.Path));
    }

    [Fact]
    public async Task Opening_for_both_says_both()
    {
        using var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("f"), "x", TestContext.Current.CancellationToken);
        var seen = await cgroup.RunPython("import os; os.open('f', os.O_RDWR); os.open('f', os.O_WRONLY)");
        var opens = seen.Events.Where(e => e.Kind == EventKinds.Open && e.Path == cgroup.Name("f")).ToList();
        Assert.Equal([true, false], opens.Select(e => e.Has(EventFlagBits.Read)));
        Assert.All(opens, e => Assert.True(e.Has(EventFlagBits.Write)));
    }

    /// <summary>The way out of a container by a handle of a file outside it: no name is given, the kernel's is told.</summary>
    [Fact]
    public async Task A_file_opened_by_its_handle_is_told_by_its_name()
    {
        using var cgroup = kernel.Watch();
        await File.WriteAllTextAsync(cgroup.Name("f"), "x", TestContext.Current.CancellationToken);
        var seen = await cgroup.RunPython(
            "import ctypes, os\nc = ctypes.CDLL(None)\nh = ctypes.create_string_buffer(136); h[0] = 128\nm = ctypes.c_int()\n" +
            "assert c.name_to_handle_at(-100, b'f', h, ctypes.byref(m), 0) == 0\nd = os.open('.', 0)\n" +
            "print(c.open_by_handle_at(d, h, 0))");
        Assert.NotEqual("-1", seen.Printed);
        Assert.Single(seen.Events, e => e.Kind == EventKinds.Open && e.Path == cgroup.Name("f"));
    }
}
