using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class PrivilegeEventTests(KernelSensor kernel)
{
    /// <summary>Each call by its x86-64 number; refused ones count as much as those that succeed.</summary>
    [Theory]
    [InlineData("165, b'none', b'/absent', b'tmpfs', 6, 0", (int)Privileges.Mount, 6, 0)]
    [InlineData("429, -1, b'', -1, b'', 0", (int)Privileges.Mount, 0xffffffffffffffff, 0)]
    [InlineData("272, 0x04000000", (int)Privileges.Unshare, 0x04000000, 0)]
    [InlineData("56, 0x04000011, 0, 0, 0, 0", (int)Privileges.Unshare, 0x04000011, 0)]
    [InlineData("435, bytes([0, 0, 0, 4]) + bytes(28) + bytes([17]) + bytes(55), 88", (int)Privileges.Unshare, 0x04000000, 0)]
    [InlineData("308, __import__('os').open('/proc/self/ns/uts', 0), 0x04000000", (int)Privileges.Setns, 0x04000000, 0)]
    [InlineData("101, 16, 999999, 0, 0", (int)Privileges.Ptrace, 16, 999999)]
    [InlineData("311, 999999, 0, 0, 0, 0, 0", (int)Privileges.VmWritev, 999999, 999999)]
    [InlineData("175, 0, 0, b''", (int)Privileges.Module, 0, 0)]
    [InlineData("321, 5, 0, 0", (int)Privileges.Bpf, 5, 0)]
    public async Task A_call_that_reaches_out_is_told(string call, int operation, ulong argument, uint target)
    {
        using var cgroup = kernel.Watch();
        var e = (await cgroup.RunPython(
            "import ctypes\ncall = ctypes.CDLL(None).syscall\n" +
            $"call(*[ctypes.c_long(a) if type(a) is int else a for a in ({call},)])\n" +
            "import os\ntry: os.wait()\nexcept ChildProcessError: pass"))
            .One(EventKinds.Privilege);
        Assert.Equal(((Privileges)operation, target), (e.Operation, e.TargetPid));
        Assert.Equal((uint)argument, (uint)e.Argument);
        Assert.True(e.Has(EventFlagBits.Unverified));
    }

    [Fact]
    public async Task A_mount_tells_target_and_source()
    {
        using var cgroup = kernel.Watch();
        var seen = await cgroup.Run(
            "/usr/bin/busybox", "sh", "-c", "/usr/bin/busybox mount -t tmpfs none absent 2>/dev/null; exit 0");
        var e = seen.One(EventKinds.Privilege);
        Assert.Equal(("absent", "none"), (e.Path, e.Path2));
        Assert.True(e.Has(EventFlagBits.Failed));
    }
}
