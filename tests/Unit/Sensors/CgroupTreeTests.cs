using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Unit.Sensors;

public sealed class CgroupTreeTests
{
    const string V1 = "31 22 0:26 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu";
    const string V2 = "30 22 0:25 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw";
    const string Hybrid = "42 22 0:40 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
    const string Disk = "22 1 8:1 / / rw - ext4 /dev/root rw";

    [Theory]
    [InlineData("none", "", Disk)]
    [InlineData("v1", "", Disk, V1)]
    [InlineData("v2", "/sys/fs/cgroup", Disk, V2)]
    [InlineData("hybrid", "/sys/fs/cgroup/unified", V1, Hybrid)]
    [InlineData("v2", "/sys/fs/cgroup", V2, Hybrid)]
    [InlineData("none", "", "", " - cgroup2 x", "1 2 3 - ")]
    public void Mounts_tell_the_version_and_where_the_v2_tree_is(string version, string mount, params string[] lines) =>
        Assert.Equal(new CgroupTree(version, mount), CgroupTree.Parse(lines));
}
