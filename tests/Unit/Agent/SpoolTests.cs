using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Agent;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Counter = RuntimeGuard.Agent.Counter;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Unit.Agent;

public sealed class SpoolTests : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("spool").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    SpoolLane Open(long capacity = 64 << 20) => SpoolLane.Open(Path.Combine(_directory, "lane"), capacity);

    static Anomaly Item(ulong n, int size = 10) => new() { Subject = $"{n}:{new string('x', size)}" };

    static ulong[] Numbers(IEnumerable<Anomaly> items) => [.. items.Select(a => ulong.Parse(a.Subject.Split(':')[0]))];

    [Fact]
    public void Items_come_back_in_order_from_any_number_and_after_a_restart()
    {
        using (var lane = Open())
        {
            for (ulong n = 1; n <= 100; n++)
                Assert.True(lane.TryAppend(Item(n), durable: false));
            Assert.Equal([50ul, 51, 52], Numbers(lane.Read(50, 3, 1 << 20, Anomaly.Parser)));
        }
        using var again = Open();
        Assert.Equal(101ul, again.NextSeq);
        Assert.Equal(Enumerable.Range(1, 100).Select(n => (ulong)n), Numbers(again.Read(1, 1000, 1 << 20, Anomaly.Parser)));
    }

    [Fact]
    public void Acknowledged_segments_are_deleted_and_numbers_never_start_again()
    {
        using (var lane = Open())
        {
            for (ulong n = 1; n <= 100; n++)
                lane.TryAppend(Item(n, 100_000), durable: false);
            Assert.True(lane.Bytes > 9_000_000);
            lane.Acknowledge(100);
            Assert.Equal(0, lane.Bytes);
        }
        using var again = Open();
        Assert.Equal((101ul, 101ul), (again.FirstSeq, again.NextSeq));
        Assert.True(again.TryAppend(Item(101), durable: true));
        Assert.Equal([101ul], Numbers(again.Read(101, 10, 1 << 20, Anomaly.Parser)));
    }

    [Fact]
    public void An_ack_beyond_what_the_disk_remembers_moves_the_lane_past_it()
    {
        using var lane = Open();
        lane.TryAppend(Item(1), durable: true);
        lane.Acknowledge(7);
        Assert.Equal(8ul, lane.NextSeq);
        lane.TryAppend(Item(8), durable: true);
        Assert.Equal([8ul], Numbers(lane.Read(8, 10, 1 << 20, Anomaly.Parser)));
    }

    [Fact]
    public void A_full_lane_refuses_the_newest_and_takes_again_after_an_ack()
    {
        using var lane = Open(capacity: 10_000_000);
        ulong n = 0;
        while (lane.TryAppend(Item(n + 1, 100_000), durable: false))
            n++;
        Assert.InRange(n, 90ul, 100ul);
        Assert.Equal(n + 1, lane.NextSeq);
        lane.Acknowledge(n);
        Assert.True(lane.TryAppend(Item(n + 1), durable: false));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    public void A_torn_tail_is_cut_off_and_counted(int cut)
    {
        using (var lane = Open())
            for (ulong n = 1; n <= 3; n++)
                lane.TryAppend(Item(n), durable: true);
        var segment = Directory.GetFiles(Path.Combine(_directory, "lane")).Single();
        using (var file = File.OpenWrite(segment))
            file.SetLength(file.Length - cut);
        using var again = Open();
        Assert.Equal((3ul, 1L), (again.NextSeq, again.Torn));
        Assert.Equal([1ul, 2], Numbers(again.Read(1, 10, 1 << 20, Anomaly.Parser)));
    }

    [Fact]
    public void A_spool_damaged_in_the_middle_is_set_aside_and_a_new_identity_begins()
    {
        ulong id;
        using (var spool = Spool.Open(Path.Combine(_directory, "s"), 64 << 20, 64 << 20))
        {
            id = spool.Id;
            for (ulong n = 1; n <= 60; n++)
                spool.Anomalies.TryAppend(Item(n, 100_000), durable: false);
        }
        var first = Directory.GetFiles(Path.Combine(_directory, "s", "anomalies")).Order().First();
        using (var file = File.OpenWrite(first))
        {
            file.Position = 1000;
            file.Write("garbage"u8);
        }
        using var fresh = Spool.Open(Path.Combine(_directory, "s"), 64 << 20, 64 << 20);
        Assert.NotEqual(id, fresh.Id);
        Assert.NotNull(fresh.SetAside);
        Assert.True(Directory.Exists(fresh.SetAside));
        Assert.Equal(1ul, fresh.Anomalies.NextSeq);
    }

    [Fact]
    public void A_spool_whose_id_is_damaged_is_set_aside_for_its_numbers_name_nothing()
    {
        using (var spool = Spool.Open(Path.Combine(_directory, "s"), 64 << 20, 64 << 20))
            spool.Anomalies.TryAppend(Item(1), durable: true);
        File.WriteAllText(Path.Combine(_directory, "s", "id"), "short");
        using (var fresh = Spool.Open(Path.Combine(_directory, "s"), 64 << 20, 64 << 20))
            Assert.Equal((1ul, true), (fresh.Anomalies.NextSeq, fresh.SetAside is not null));
        File.Delete(Path.Combine(_directory, "s", "id"));
        using var again = Spool.Open(Path.Combine(_directory, "s"), 64 << 20, 64 << 20);
        Assert.NotNull(again.SetAside);
    }

    [Fact]
    public async Task What_a_full_spool_refused_becomes_one_gap_record_when_there_is_room()
    {
        using var spool = Spool.Open(Path.Combine(_directory, "s"), 2_000_000, 64 << 20);
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20000));
        var counters = new Counters();
        var writer = new SpoolWriter(spool, counters, time, () => { });
        var running = writer.RunAsync(TestContext.Current.CancellationToken);
        for (ulong n = 1; n <= 30; n++)
            Assert.True(writer.TryWrite(Item(n, 100_000)));
        await Eventually.HoldsAsync("a full spool", () => counters[Counter.AnomalySpoolFull] > 5);
        writer.TryWrite(new Record { Coverage = new Coverage { Sensor = "ebpf" } });
        writer.Complete();
        await running;
        var kept = (long)spool.Anomalies.NextSeq - 1;
        Assert.Equal(30 - kept, counters[Counter.AnomalySpoolFull]);
        var gaps = spool.Records.Read(1, 10, 1 << 20, Record.Parser).Where(r => r.Gap is not null).ToList();
        Assert.Equal((ulong)(30 - kept), gaps.Aggregate(0ul, (sum, r) => sum + r.Gap.Anomalies));
    }
}
