using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>Who a process is, what it may do, what it calls itself, and whom it signals.</summary>
[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class CredentialEventTests(KernelSensor kernel)
{
    const ulong SysAdmin = 1 << 21;

    /// <summary>By each call of its family and by the 32-bit ones; asked for by number, told as the kernel has it.</summary>
    [Theory]
    [InlineData("os.setuid(12)", (int)Privileges.Setuid)]
    [InlineData("os.setreuid(-1, 12)", (int)Privileges.Setuid)]
    [InlineData("os.setresuid(-1, 12, -1)", (int)Privileges.Setuid)]
    [InlineData("c32(213, 12)", (int)Privileges.Setuid)]
    [InlineData("c32(208, -1, 12, -1)", (int)Privileges.Setuid)]
    [InlineData("os.setgid(12)", (int)Privileges.Setgid)]
    [InlineData("os.setregid(-1, 12)", (int)Privileges.Setgid)]
    [InlineData("os.setresgid(-1, 12, -1)", (int)Privileges.Setgid)]
    public async Task A_process_that_becomes_another_user_or_group_tells_which(string call, int operation)
    {
        using var cgroup = kernel.Watch();
        var e = (await cgroup.RunPython((call[0] == 'c' ? Calls32.Define : "import os\n") + call)).One(EventKinds.Privilege);
        Assert.Equal(((Privileges)operation, 12u, 0ul), (e.Operation, e.Target, e.Argument));
        Assert.False(e.Has(EventFlagBits.Failed) || e.Has(EventFlagBits.Unverified));
    }

    [Fact]
    public async Task A_process_that_becomes_root_again_has_gained_capabilities()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython("import os; os.seteuid(12); os.seteuid(0)");
        var calls = seen.Events.Where(e => e.Kind == EventKinds.Privilege).ToList();
        Assert.Equal([12u, 0u], calls.Select(e => e.Target));
        Assert.Equal(0ul, calls[0].Argument);
        Assert.Equal(SysAdmin, calls[1].Argument & SysAdmin);
    }

    [Fact]
    public async Task A_refused_setuid_is_the_callers_word()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython("import os\nos.setuid(12)\ntry: os.setuid(0)\nexcept PermissionError: pass");
        var e = seen.Events.Last(e => e.Kind == EventKinds.Privilege);
        Assert.True(e.Has(EventFlagBits.Failed | EventFlagBits.Unverified));
        Assert.Equal((Privileges.Setuid, 0u, -1), (e.Operation, e.Target, e.Header.Result));
    }

    /// <summary>Drops every capability, then raises those again that stayed permitted.</summary>
    [Fact]
    public async Task A_capset_tells_what_was_gained()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython(
            "import ctypes, struct\nc = ctypes.CDLL(None)\nh = struct.pack('Ii', 0x20080522, 0)\n" +
            "def cap(e): assert c.syscall(126, h, struct.pack('6I', e, 1 << 21, 0, 0, 0, 0)) == 0\ncap(0); cap(1 << 21)");
        Assert.Equal([0ul, SysAdmin], seen.Events.Where(e => e.Kind == EventKinds.Privilege && e.Operation == Privileges.Capset)
            .Select(e => e.Argument));
    }

    [Fact]
    public async Task A_setuid_file_that_makes_a_process_root_is_told_with_what_it_gained()
    {
        using var cgroup = kernel.Watch();
        string program = cgroup.Name("suid");
        File.Copy("/usr/bin/busybox", program);
        File.SetUnixFileMode(cgroup.Directory, (UnixFileMode)Convert.ToInt32("755", 8));
        File.SetUnixFileMode(program, (UnixFileMode)Convert.ToInt32("4755", 8));
        var seen = await cgroup.RunPython($"import os; os.setuid(12); os.execv('{program}', ['true'])");
        var e = Assert.Single(seen.Events, e => e.Kind == EventKinds.Privilege && e.Operation == Privileges.Gain);
        Assert.Equal((program, 0u, SysAdmin), (e.Path, e.Target, e.Argument & SysAdmin));
        // An exec that gains nothing says nothing.
        Assert.DoesNotContain((await cgroup.Run("/usr/bin/busybox", "sh", "-c", "/usr/bin/busybox true; exit 0")).Events,
            e => e.Kind == EventKinds.Privilege);
    }

    [Theory]
    [InlineData("ctypes.CDLL(None).prctl(15, b'kworker/0:1', 0, 0, 0)")]
    [InlineData("c32(172, 15, b'kworker/0:1', 0, 0, 0)")]
    public async Task A_process_that_renames_itself_tells_its_new_name(string call)
    {
        using var cgroup = kernel.Watch();
        var e = (await cgroup.RunPython(Calls32.Define + call)).One(EventKinds.Privilege);
        Assert.Equal((Privileges.Name, "kworker/0:1"), (e.Operation, e.Path));
    }

    [Fact]
    public async Task A_name_written_by_way_of_proc_is_a_file_written()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython("open('/proc/self/comm', 'w').write('x')");
        Assert.True(seen.One(EventKinds.Open, $"/proc/{seen.Pid}/comm").Has(EventFlagBits.Write));
    }

    [Theory]
    [InlineData("os.kill(p, 18)", 18)]
    [InlineData("ctypes.CDLL(None).syscall(234, p, p, 18)", 18)]
    [InlineData("ctypes.CDLL(None).syscall(424, os.pidfd_open(p), 18, 0, 0)", 18)]
    [InlineData("c32(37, p, 18)", 18)]
    [InlineData("os.killpg(os.getpgid(p), 18)", 18)]
    public async Task A_signal_to_another_container_is_told(string call, ulong signal)
    {
        using var cgroup = kernel.Watch();
        using var other = kernel.Watch();
        using var target = System.Diagnostics.Process.Start("/usr/bin/setsid",
            ["/bin/sh", "-c", $"echo $$ > {other.Path}/cgroup.procs; exec /usr/bin/busybox sleep 1000"]);
        try
        {
            await Support.Eventually.HoldsAsync("the other container's process", () =>
                File.ReadAllText($"/proc/{target.Id}/comm") == "busybox\n");
            var seen = await cgroup.RunPython(Calls32.Define + $"p = {target.Id}; {call}");
            var e = Assert.Single(seen.Events, e => e.Kind == EventKinds.Privilege && e.Operation == Privileges.Signal);
            Assert.Equal((signal, (uint)target.Id, "busybox"), (e.Argument, e.Target, e.Path));
        }
        finally
        {
            target.Kill();
            await target.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_signal_within_the_container_or_at_the_end_of_a_child_is_not()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.RunPython("import os, signal\np = os.fork()\nif p == 0: signal.pause()\nos.kill(p, 9); os.wait(); os.kill(os.getpid(), 18)");
        Assert.DoesNotContain(seen.Events, e => e.Kind == EventKinds.Privilege);
    }
}
