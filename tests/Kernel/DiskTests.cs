using RuntimeGuard.Agent;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Counter = RuntimeGuard.Agent.Counter;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>What a container can do to the node's disk must not end the watch. A real file system, as large as it needs to be full.</summary>
[Trait("Category", "Kernel")]
public sealed class DiskTests : IAsyncLifetime
{
    readonly string _directory = Directory.CreateTempSubdirectory("rg-disk-").FullName;

    public async ValueTask InitializeAsync() =>
        (await Command.RunAsync("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", _directory)).Succeeded();

    public async ValueTask DisposeAsync()
    {
        (await Command.RunAsync("umount", _directory)).Succeeded();
        Directory.Delete(_directory);
    }

    [Fact]
    public async Task A_full_disk_is_counted_said_and_survived()
    {
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        var counters = new Counters();
        var writer = new SpoolWriter(spool, counters, TimeProvider.System, () => { });
        var running = writer.RunAsync(TestContext.Current.CancellationToken);
        var filler = Path.Combine(_directory, "filler");
        Assert.Throws<IOException>(() => File.WriteAllBytes(filler, new byte[4 << 20]));
        for (var n = 0; n < 20; n++)
            Assert.True(writer.TryWrite(Item(n)));
        await Eventually.HoldsAsync("failures", () => counters[Counter.SpoolFailed] > 10);
        Assert.False(running.IsCompleted);

        File.Delete(filler);
        Assert.True(writer.TryWrite(Item(20)));
        Assert.True(writer.TryWrite(new Record { Coverage = new Coverage { Sensor = "ebpf" } }));
        writer.Complete();
        await running;
        var kept = spool.Anomalies.Read(1, 100, 64 << 20, Anomaly.Parser);
        Assert.StartsWith("20:", kept[^1].Subject, StringComparison.Ordinal);
        var gap = Assert.Single(spool.Records.Read(1, 100, 64 << 20, Record.Parser), r => r.Gap is not null).Gap;
        Assert.Equal(21ul, gap.Anomalies + (ulong)kept.Count);
        Assert.Contains("could not be written", gap.Reason, StringComparison.Ordinal);
    }

    static Anomaly Item(int n) => new() { Subject = $"{n}:{new string('x', 50_000)}" };
}
