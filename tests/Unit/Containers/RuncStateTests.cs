using System.Text;
using CsCheck;
using RuntimeGuard.Agent.Containers;

namespace RuntimeGuard.Tests.Unit.Containers;

public sealed class RuncStateTests : IDisposable
{
    readonly ContainerCounters _counters = new();
    readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("rg-runc-");

    RuncState State => new(_counters);

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task A_plain_container_is_named_after_its_bundle()
    {
        await Write("web1", """{"id":"web1","created":"2026-01-02T03:04:05Z","config":{"rootfs":"/x/rootfs","labels":["bundle=/x"]}}""");

        var facts = await State.FindAsync(_root.FullName, "web1", TestContext.Current.CancellationToken);

        Assert.Equal(
            ("web1", "runc", "bundle:/x", "runc", 1767323045_000_000_000L),
            (facts?.Id, facts?.Workload.Namespace, facts?.Workload.Image, facts?.Runtime, facts?.StartedUnixNs));
    }

    [Theory]
    [InlineData("""{"id":"web1","created":"2026-01-02T03:04:05.123456789Z","config":{}}""", 1767323045_123_456_700L)]
    [InlineData("""{"id":"other","created":"2026-01-02T03:04:05Z"}""", 0)]
    [InlineData("""{"id":"web1"}""", 0)]
    [InlineData("{", 0)]
    public async Task When_a_container_was_made_is_runcs_word_on_that_container_alone(string json, long made)
    {
        await Write("web1", json);
        var said = await State.MadeUnixNsAsync(_root.FullName, "web1", TestContext.Current.CancellationToken);
        Assert.InRange(said, made, made + 100);
        Assert.Equal(0, await State.MadeUnixNsAsync(_root.FullName, "web2", TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_container_of_the_cri_is_known_by_its_annotations_while_the_daemon_is_away()
    {
        const string Json = """
            {"id":"c1","config":{"labels":["io.kubernetes.cri.container-type=container","io.kubernetes.cri.sandbox-namespace=shop",
            "io.kubernetes.cri.sandbox-name=web-1","io.kubernetes.cri.container-name=web","io.kubernetes.cri.image-name=nginx:1"]}}
            """;

        var facts = State.Read(Encoding.UTF8.GetBytes(Json), "c1");

        Assert.Equal(
            ("shop", "docker.io/library/nginx", "1", "web-1", "web"),
            (facts?.Workload.Namespace, facts?.Workload.Image, facts?.Tag, facts?.Pod, facts?.Name));
    }

    [Theory]
    [InlineData("../web1")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("")]
    public async Task An_id_that_is_no_file_name_is_not_looked_for(string id) =>
        Assert.Null(await State.FindAsync(_root.FullName, id, TestContext.Current.CancellationToken));

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"id":"other","config":{}}""")]
    [InlineData("""{"id":"web1","config":7}""")]
    [InlineData("""{"id":"web1","config":{"labels":[1,{},"=","x"]}}""")]
    public async Task A_state_that_cannot_be_the_containers_is_refused_and_counted(string json)
    {
        await Write("web1", json);

        Assert.Null(await State.FindAsync(_root.FullName, "web1", TestContext.Current.CancellationToken));
        Assert.Equal(1, _counters[ContainerCounter.RuntimeRejected]);
    }

    [Fact]
    public async Task A_state_that_is_too_large_or_a_link_is_not_read()
    {
        await Write("web1", new string(' ', (1 << 20) + 1));
        Directory.CreateDirectory(Path.Combine(_root.FullName, "web2"));
        File.CreateSymbolicLink(Path.Combine(_root.FullName, "web2", "state.json"), "/etc/passwd");

        Assert.Null(await State.FindAsync(_root.FullName, "web1", TestContext.Current.CancellationToken));
        Assert.Null(await State.FindAsync(_root.FullName, "web2", TestContext.Current.CancellationToken));
        Assert.Equal(1, _counters[ContainerCounter.RuntimeRejected]);
    }

    [Fact]
    public void No_bytes_break_the_reader()
    {
        const string Json = """{"id":"c1","created":"2026","config":{"rootfs":"/r","labels":["bundle=/x"]}}""";
        Gen.Select(Gen.Int[0, Json.Length - 1], Gen.Byte).Array[0, 6].Sample(changes =>
        {
            var bytes = Encoding.UTF8.GetBytes(Json);
            foreach (var (at, value) in changes)
                bytes[at] = value;
            var facts = State.Read(bytes, "c1");
            Assert.True(facts is null || facts.Id == "c1");
        });
    }

    async Task Write(string id, string json)
    {
        Directory.CreateDirectory(Path.Combine(_root.FullName, id));
        await File.WriteAllTextAsync(Path.Combine(_root.FullName, id, "state.json"), json);
    }
}
