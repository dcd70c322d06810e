using CsCheck;
using RuntimeGuard.Agent.Containers;

namespace RuntimeGuard.Tests.Unit.Containers;

public sealed class CgroupPathTests
{
    const string Id = "3f4a0c5b9d8e7f60112233445566778899aabbccddeeff00112233445566aabb";
    const string Other = "00000000000000000000000000000000000000000000000000000000000000ff";
    const string Pod = "pod2f3c1a52-9c0e-4b3a-8d11-0f6c2a1b4e77";
    const string PodSlice = "kubepods-besteffort-pod2f3c1a52_9c0e_4b3a_8d11_0f6c2a1b4e77.slice";

    public static TheoryData<string, string, string, string> Paths => new()
    {
        // cgroup v2 and v1, systemd driver
        { $"/kubepods.slice/kubepods-besteffort.slice/{PodSlice}/cri-containerd-{Id}.scope", "Container", Id, "k8s.io" },
        { $"/kubepods.slice/{PodSlice}/crio-{Id}.scope", "Container", Id, "k8s.io" },
        { $"/kubepods.slice/{PodSlice}/crio-{Id}.scope/container", "Container", Id, "k8s.io" },
        { $"/kubepods.slice/{PodSlice}/crio-conmon-{Id}.scope", "Unit", "crio-conmon-*.scope", "" },
        { $"/system.slice/docker-{Id}.scope", "Container", Id, "moby" },
        { $"/machine.slice/libpod-{Id}.scope/container", "Container", Id, "libpod" },
        { $"/machine.slice/libpod-conmon-{Id}.scope", "Unit", "libpod-conmon-*.scope", "" },
        { "/system.slice/run-u42.service", "Unit", "run-*.service", "" },
        { "/system.slice/run-r0a1b2c3d4e5f60718293a4b5c6d7e8f9.scope", "Unit", "run-*.scope", "" },
        { "/system.slice/deadbeef.service", "Unit", "deadbeef.service", "" },
        { $"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{Id}.scope/container", "Container", Id, "libpod" },
        { $"/system.slice/nerdctl-{Id}.scope", "Container", Id, "default" },
        { "/system.slice/runc-web1.scope", "Container", "web1", "" },
        // cgroupfs driver
        { $"/kubepods/besteffort/{Pod}/{Id}", "Container", Id, "k8s.io" },
        { $"/kubepods/{Pod}/{Id}/system.slice/cron.service", "Container", Id, "k8s.io" },
        { $"/k8s.io/{Id}", "Container", Id, "k8s.io" },
        { $"/docker/{Id}", "Container", Id, "moby" },
        { $"/default/{Id}", "Container", Id, "default" },
        { $"/libpod_parent/{Id}", "Container", Id, "libpod" },
        { $"/actions_job/{Id}", "Container", Id, "actions_job" },
        { $"/ecs/task-1/{Id}", "Container", Id, "" },
        { $"/kubepods-besteffort-{Pod}.slice:cri-containerd:{Id}", "Container", Id, "k8s.io" },
        { $"/system.slice:docker:{Id}", "Container", Id, "moby" },
        // the outermost container wins, whatever is made below it
        { $"/docker/{Id}/docker/{Other}", "Container", Id, "moby" },
        { $"/kubepods/{Pod}/{Id}/kubepods/cri-containerd-{Other}.scope", "Container", Id, "k8s.io" },
        // plain containerd and runc
        { "/default/web1", "Candidate", "web1", "default" },
        { "/moby/web_1.2", "Candidate", "web_1.2", "moby" },
        { "/web1", "Candidate", "web1", "" },
        // systemd
        { "/system.slice/nginx.service", "Unit", "nginx.service", "" },
        { "/system.slice/nginx.service/worker", "Unit", "nginx.service", "" },
        { "/system.slice/system-getty.slice/getty@tty1.service", "Unit", "getty@.service", "tty1" },
        { "/init.scope", "Unit", "init.scope", "" },
        { "/user.slice/user-1000.slice/session-3.scope", "User", "user", "" },
        { "/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", "User", "user", "" },
        // a login user cannot claim a pod's container
        { $"/user.slice/user-1000.slice/user@1000.service/cri-containerd-{Id}.scope", "User", "user", "" },
        { $"/user.slice/user-1000.slice/user@1000.service/{Id}", "User", "user", "" },
        // nobody's
        { "", "Parent", "", "" },
        { "/", "Parent", "", "" },
        { "/kubepods", "Parent", "", "" },
        { "/kubepods/besteffort", "Parent", "", "" },
        { $"/kubepods/besteffort/{Pod}", "Parent", "", "" },
        { $"/kubepods.slice/{PodSlice}", "Parent", "", "" },
        { "/system.slice", "Parent", "", "" },
        // anything else
        { "/a/b/c", "Host", "", "" },
        { "/default/../etc", "Host", "", "" },
        { "/..", "Host", "", "" },
        { "/evil\u001b[2J/x", "Host", "", "" },
        { $"/docker/{Id[..63]}", "Candidate", Id[..63], "docker" },
        { $"/docker/{Id.ToUpperInvariant()}", "Candidate", Id.ToUpperInvariant(), "docker" },
    };

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_path_names_what_lives_in_it(string path, string kind, string id, string scope)
    {
        var name = CgroupPath.Parse(path);

        Assert.Equal((kind, id, scope), (name.Kind.ToString(), name.Id, name.Scope));
    }

    [Theory]
    [InlineData("/kubepods/pod1/ID", "/kubepods/pod1/ID")]
    [InlineData("/kubepods/pod1/ID/a/b", "/kubepods/pod1/ID")]
    [InlineData("/system.slice/x.service/a", "/system.slice/x.service")]
    [InlineData("system.slice/x.service", "/system.slice/x.service")]
    public void Nested_cgroups_share_the_prefix_of_their_container(string path, string prefix) =>
        Assert.Equal(prefix.Replace("ID", Id), CgroupPath.Parse(path.Replace("ID", Id)).Prefix);

    [Fact]
    public void No_path_breaks_the_parser()
    {
        string[] known =
        [
            "", "/", ".scope", ".service", ".slice", ":", "@", "docker-", "cri-containerd-", "kubepods", Id, "user.slice",
            "\0", "\u001b", "\ud800", "..", "libpod-", "system.slice:docker:",
        ];
        var part = Gen.OneOf(Gen.Int[0, known.Length - 1].Select(i => known[i]), Gen.String[0, 12]);
        part.Array[0, 12].Select(parts => string.Join("/", parts)).Sample(path =>
        {
            var name = CgroupPath.Parse(path);
            Assert.StartsWith("/", name.Prefix);
            if (name.Kind is CgroupKind.Container or CgroupKind.Candidate)
                Assert.True(CgroupPath.IsContainerId(name.Id), name.Id);
            Assert.Equal(name, CgroupPath.Parse(path));
        });
    }
}
