using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>
/// io_uring does what system calls do without being one: no system call tracepoint sees it. Who submits may be the program,
/// a worker of the kernel's, or a thread of its own (SQPOLL); results may be left unposted or unread.
/// </summary>
[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class UringEventTests(KernelSensor kernel) : IDisposable
{
    readonly string _programs = Directory.CreateTempSubdirectory("rg-uring-").FullName;

    async Task<Seen> Run(WatchedCgroup cgroup, string arguments)
    {
        string program = Path.Combine(_programs, "uring");
        if (!File.Exists(program))
            await TestImages.CompileAsync("uring", _programs);
        await File.WriteAllTextAsync(cgroup.Name("a"), "x", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(cgroup.Name("d"));
        return await cgroup.Run(program, arguments.Split(' '));
    }

    [Theory]
    [InlineData("open a 0", (int)EventKinds.Open, "a", EventFlagBits.Read)]
    [InlineData("open a 2", (int)EventKinds.Open, "a", EventFlagBits.Read | EventFlagBits.Write)]
    [InlineData("open made 101", (int)EventKinds.Create, "made", EventFlagBits.Write)]
    [InlineData("open2 a 1", (int)EventKinds.Open, "a", EventFlagBits.Write)]
    public async Task An_open_is_told_as_the_file_it_opened(string call, int kind, string path, uint access)
    {
        foreach (string how in new[] { "inline", "worker", "poller" })
        {
            using var cgroup = kernel.Watch();
            var seen = await Run(cgroup, $"{how} {call}");
            var e = seen.One((EventKinds)kind, cgroup.Name(path));
            Assert.True(e.Has(EventFlagBits.IoUring | access), how);
            Assert.False(e.Has(EventFlagBits.Unverified), how);
            Assert.Equal((seen.Printed, seen.Pid), ($"{e.Header.Result}", e.Header.Pid));
            Assert.NotEqual(0ul, e.Inode);
        }
    }

    [Fact]
    public async Task A_failed_open_is_the_callers_word()
    {
        using var cgroup = kernel.Watch();
        var e = (await Run(cgroup, "inline open absent 1")).One(EventKinds.Open, cgroup.Name("absent"));
        Assert.True(e.Has(EventFlagBits.IoUring | EventFlagBits.Failed | EventFlagBits.Unverified | EventFlagBits.Write));
        Assert.Equal(-2, e.Header.Result);
    }

    /// <summary>Its descriptor is the ring's, not the process's: descriptor 0 is another file.</summary>
    [Fact]
    public async Task An_open_into_the_rings_own_table_is_told_as_asked()
    {
        using var cgroup = kernel.Watch();
        var e = (await Run(cgroup, "inline open-registered a 0")).One(EventKinds.Open, cgroup.Name("a"));
        Assert.True(e.Has(EventFlagBits.IoUring | EventFlagBits.Unverified | EventFlagBits.Read));
    }

    [Theory]
    [InlineData("unlink a", (int)EventKinds.Unlink, "a", "")]
    [InlineData("mkdir b", (int)EventKinds.Create, "b", "")]
    [InlineData("rename a d/b", (int)EventKinds.Rename, "a", "d/b")]
    [InlineData("link a b", (int)EventKinds.Link, "a", "b")]
    public async Task What_it_does_to_names_is_told(string call, int kind, string path, string path2)
    {
        foreach (string how in new[] { "inline", "worker", "poller" })
        {
            using var cgroup = kernel.Watch();
            var seen = await Run(cgroup, $"{how} {call}");
            Assert.Equal("0", seen.Printed);
            var e = seen.One((EventKinds)kind);
            Assert.Equal((cgroup.Name(path), path2.Length > 0 ? cgroup.Name(path2) : ""), (e.Path, e.Path2));
            Assert.True(e.Has(EventFlagBits.IoUring | EventFlagBits.Unverified), how);
            Assert.Equal((0, seen.Pid), (e.Header.Result, e.Header.Pid));
        }
    }

    [Fact]
    public async Task A_symlink_tells_its_text_and_where_it_lies()
    {
        using var cgroup = kernel.Watch();
        var e = (await Run(cgroup, "inline symlink ../etc/shadow l")).One(EventKinds.Symlink);
        Assert.Equal(("../etc/shadow", cgroup.Name("l")), (e.Path, e.Path2));
    }

    /// <summary>Ways to leave no completion that names the request.</summary>
    [Theory]
    [InlineData("skip")]
    [InlineData("full")]
    [InlineData("beside")]
    public async Task A_request_whose_completion_is_hidden_is_told_all_the_same(string how)
    {
        using var cgroup = kernel.Watch();
        var e = (await Run(cgroup, $"{how} unlink a")).One(EventKinds.Unlink, cgroup.Name("a"));
        Assert.True(e.Has(EventFlagBits.IoUring | EventFlagBits.Unverified));
        Assert.False(File.Exists(cgroup.Name("a")));
    }

    [Theory]
    [InlineData("inline pair")]
    [InlineData("worker pair")]
    [InlineData("poller pair")]
    [InlineData("inline registered")]
    [InlineData("inline multishot")]
    public async Task A_connection_is_seen_from_both_ends(string call)
    {
        using var cgroup = kernel.Watch();
        var seen = await Run(cgroup, call);
        var ports = seen.Printed.Split(' ').Select(ushort.Parse).ToArray();
        var connect = seen.One(EventKinds.Connect);
        Assert.Equal(("127.0.0.1", ports[0], ports[1]), (connect.Peer, connect.PeerPort, connect.LocalPort));
        var accept = seen.One(EventKinds.Accept);
        Assert.Equal(("127.0.0.1", ports[1], ports[0]), (accept.Peer, accept.PeerPort, accept.LocalPort));
        Assert.All([connect, accept], e => Assert.True(e.Has(EventFlagBits.IoUring) && e.Header.Pid == seen.Pid));
        Assert.All([connect, accept], e => Assert.False(e.Has(EventFlagBits.Unverified)));
    }

    [Fact]
    public async Task A_refused_connect_names_the_peer_that_was_asked_for()
    {
        using var cgroup = kernel.Watch();
        var e = (await Run(cgroup, "inline connect 1 5")).One(EventKinds.Connect);
        Assert.Equal(("127.0.0.5", (ushort)1), (e.Peer, e.PeerPort));
        Assert.True(e.Has(EventFlagBits.IoUring | EventFlagBits.Failed | EventFlagBits.Unverified));
    }

    [Theory]
    [InlineData("inline send 9 7")]
    [InlineData("poller send 9 7")]
    [InlineData("worker sendmsg 9 7")]
    public async Task A_datagram_names_its_peer(string call)
    {
        using var cgroup = kernel.Watch();
        var seen = await Run(cgroup, call);
        Assert.Equal("1", seen.Printed);
        var e = seen.One(EventKinds.Send);
        Assert.Equal(("127.0.0.7", (ushort)9, true), (e.Peer, e.PeerPort, e.Has(EventFlagBits.IoUring)));
    }

    /// <summary>Linux 6.11 and later.</summary>
    [Fact]
    public async Task What_listens_is_told()
    {
        using var cgroup = kernel.Watch();
        var seen = await Run(cgroup, "inline listen 0 1");
        Assert.All([EventKinds.Bind, EventKinds.Listen], k => Assert.Equal(
            (seen.Printed, true), ($"{seen.One(k).LocalPort}", seen.One(k).Has(EventFlagBits.IoUring))));
    }

    public void Dispose() => Directory.Delete(_programs, recursive: true);
}
