using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class ProcessEventTests(KernelSensor kernel)
{
    const string Busybox = "/usr/bin/busybox";

    [Fact]
    public async Task A_process_is_seen_from_exec_to_exit()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.Run("/usr/bin/env", "sh", "-c", "exit 3");
        var last = seen.Events.Last(e => e.Kind == EventKinds.Exec);
        Assert.StartsWith("/", last.Path, StringComparison.Ordinal);
        Assert.Equal("sh\0-c\0exit 3\0", last.Arguments);
        Assert.Equal(3 << 8, seen.One(EventKinds.Exit).ExitCode);
        Assert.Equal(["/usr/bin/env", last.Path], seen.Events.Where(e => e.Kind == EventKinds.Exec).Select(e => e.Path));
        Assert.All(seen.Events, e => Assert.Equal(seen.Pid, e.Header.Pid));
        Assert.Single(seen.Events.Select(e => e.Header.StartNs).Distinct());
        Assert.Equal((uint)Environment.ProcessId, last.Header.ParentPid);
        Assert.NotEqual(0ul, last.Inode);
        Assert.Equal(seen.Pid, last.NamespacePid);
    }

    [Fact]
    public async Task A_child_is_known_by_its_fork_and_keeps_that_identity()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.Run(Busybox, "sh", "-c", "/usr/bin/busybox true; exit 0");
        var fork = seen.One(EventKinds.Fork);
        var exec = Assert.Single(seen.Events, e => e.Kind == EventKinds.Exec && e.Header.Pid == fork.Header.Pid);
        Assert.Equal("/usr/bin/busybox\0true\0", exec.Arguments);
        Assert.Equal(fork.Header.StartNs, exec.Header.StartNs);
        Assert.Equal(seen.Pid, exec.Header.ParentPid);
        Assert.Equal(seen.Events[0].Header.StartNs, exec.Header.ParentStartNs);
    }

    [Theory]
    [InlineData("import os; os.kill(os.getpid(), 9)", 9)]
    [InlineData("import os; os._exit(7)", 7 << 8)]
    public async Task An_exit_tells_code_or_signal_as_wait_does(string code, int status)
    {
        using var cgroup = kernel.Watch();
        Assert.Equal(status, (await cgroup.RunPython(code)).One(EventKinds.Exit).ExitCode);
    }

    [Fact]
    public async Task Arguments_beyond_the_bound_are_cut_and_flagged()
    {
        using var cgroup = kernel.Watch();
        var fits = (await cgroup.Run(Busybox, "true", new string('a', 4000))).One(EventKinds.Exec);
        Assert.False(fits.Has(EventFlagBits.Truncated));
        var cut = (await cgroup.Run(Busybox, "true", new string('a', 9000))).One(EventKinds.Exec);
        Assert.True(cut.Has(EventFlagBits.Truncated));
        Assert.Equal(KernelEvent.ArgumentsMax, cut.Arguments.Length);
    }

    [Fact]
    public async Task Any_byte_may_be_in_an_argument()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import os; os.execv('{Busybox}', [b'true', b'\\xff\\xfe', b'a\\nb', b'\\x1b[31m', b''])");
        Assert.Equal("true\0\u00ff\u00fe\0a\nb\0\u001b[31m\0\0", seen.Events.Last(e => e.Kind == EventKinds.Exec).Arguments);
    }

    [Fact]
    public async Task A_program_that_lies_only_in_memory_is_flagged()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import os; fd = os.memfd_create('x', 0); os.write(fd, open('{Busybox}', 'rb').read());" +
            "os.execv(f'/proc/self/fd/{fd}', ['true'])");
        var exec = seen.Events.Last(e => e.Kind == EventKinds.Exec);
        Assert.True(exec.Has(EventFlagBits.Memfd));
        Assert.Contains("memfd:x", exec.Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_removed_before_it_runs_is_flagged()
    {
        using var cgroup = kernel.Watch();
        File.Copy(Busybox, cgroup.Name("gone"));
        var seen = await cgroup.RunPython(
            "import os; fd = os.open('gone', os.O_RDONLY); os.unlink('gone'); os.execve(fd, ['true'], {})");
        var exec = seen.Events.Last(e => e.Kind == EventKinds.Exec);
        Assert.True(exec.Has(EventFlagBits.Deleted));
        Assert.Equal(cgroup.Name("gone"), exec.Path);
    }

    [Fact]
    public async Task A_shell_on_a_socket_is_flagged()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            $"import os, socket; a, b = socket.socketpair(); os.dup2(a.fileno(), 0); os.execv('{Busybox}', ['true'])");
        var execs = seen.Events.Where(e => e.Kind == EventKinds.Exec).ToList();
        Assert.False(execs[0].Has(EventFlagBits.StdinSocket));
        Assert.True(execs[^1].Has(EventFlagBits.StdinSocket));
    }

    [Fact]
    public async Task A_script_is_named_beside_its_interpreter()
    {
        using var cgroup = kernel.Watch();
        string script = cgroup.Name("script");
        await File.WriteAllTextAsync(script, $"#!{Busybox} sh\nexit 0\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var exec = (await cgroup.Run(script)).One(EventKinds.Exec);
        Assert.Equal((Busybox, script), (exec.Path, exec.Path2));
    }

    [Fact]
    public async Task A_process_that_leaves_its_cgroup_stays_watched_and_the_move_is_told()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.Run(Busybox, "sh", "-c", $"echo $$ > {kernel.Root}/cgroup.procs; {Busybox} true; exit 0");
        Assert.Equal("/", seen.One(EventKinds.CgroupAttach, "/").Path);
        Assert.Contains(seen.Events, e => e.Kind == EventKinds.Exec && e.Arguments == $"{Busybox}\0true\0");
    }

    [Fact]
    public async Task A_process_outside_every_watched_cgroup_emits_nothing()
    {
        using var cgroup = kernel.Watch();
        using var outside = System.Diagnostics.Process.Start(Busybox, ["cat", "/dev/null"]);
        await outside.WaitForExitAsync(TestContext.Current.CancellationToken);
        var seen = await cgroup.Run(Busybox, "true");
        Assert.NotEmpty(seen.Events);
        Assert.DoesNotContain(seen.All, e => e.Header.Pid == outside.Id && e.Kind < EventKinds.CgroupMkdir);
    }

    [Fact]
    public async Task A_program_on_another_file_system_than_the_root_is_flagged()
    {
        using var cgroup = kernel.Watch();
        var program = $"/dev/shm/busybox-{Guid.NewGuid():N}";
        File.Copy(Busybox, program);
        try
        {
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            Assert.True((await cgroup.Run(program, "true")).One(EventKinds.Exec, program).Has(EventFlagBits.NotOnRoot));
            Assert.False((await cgroup.Run(Busybox, "true")).One(EventKinds.Exec).Has(EventFlagBits.NotOnRoot));
        }
        finally
        {
            File.Delete(program);
        }
    }

    /// <summary>A container runtime is a service of the host: what it starts in a container's cgroup is the container's.</summary>
    [Fact]
    public async Task What_a_service_starts_in_a_containers_cgroup_is_the_containers()
    {
        using var service = kernel.Watch();
        using var container = kernel.Watch();
        kernel.Sensor.MarkHost(service.Slot);
        var seen = await service.Run(Busybox, "sh", "-c",
            $"{Busybox} sh -c 'echo $$ > {container.Path}/cgroup.procs; exec {Busybox} sh -c \"{Busybox} true; exit 0\"'; exit 0");
        var inside = seen.All.Where(e => e.Header.Slot == container.Slot && e.Kind == EventKinds.Exec).ToList();
        Assert.Contains(inside, e => e.Arguments.EndsWith("true\0", StringComparison.Ordinal));
        Assert.DoesNotContain(seen.Events, e => e.Kind == EventKinds.Exec && e.Arguments == $"{Busybox}\0true\0");
    }

    [Fact]
    public async Task What_a_container_starts_stays_the_containers_in_any_cgroup()
    {
        using var container = kernel.Watch();
        using var other = kernel.Watch();
        var seen = await container.Run(Busybox, "sh", "-c", $"echo $$ > {other.Path}/cgroup.procs; {Busybox} true; exit 0");
        Assert.Contains(seen.Events, e => e.Kind == EventKinds.Exec && e.Arguments == $"{Busybox}\0true\0");
        Assert.DoesNotContain(seen.All, e => e.Header.Slot == other.Slot && e.Kind == EventKinds.Exec);
    }
}
