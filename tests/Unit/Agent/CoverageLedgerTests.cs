using RuntimeGuard.Agent;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Agent;

public sealed class CoverageLedgerTests : IDisposable
{
    const long Second = 1_000_000_000;
    readonly string _mark = Path.GetTempFileName();
    readonly List<Coverage> _written = [];

    public void Dispose() => File.Delete(_mark);

    CoverageLedger Ledger() => new(_mark, record => _written.Add(record.Coverage));

    [Fact]
    public void The_time_between_the_last_mark_and_a_start_is_blind()
    {
        var first = Ledger();
        Assert.Null(first.Start(100 * Second));
        first.Mark(107 * Second);
        Assert.Equal(107 * Second, Ledger().Start(130 * Second));
        var blind = Assert.Single(_written);
        Assert.Equal((107 * Second, 130 * Second, true), (blind.FromUnixNs, blind.ToUnixNs, blind.Blind));
    }

    [Fact]
    public void A_clock_that_went_back_makes_no_negative_gap()
    {
        Ledger().Mark(200 * Second);
        Assert.Null(Ledger().Start(150 * Second));
    }

    [Fact]
    public void Spans_join_and_each_carries_only_its_own_losses()
    {
        var ledger = Ledger();
        ledger.Start(100 * Second);
        ledger.Update([("ring_full", "open", 5)]);
        ledger.Close(110 * Second);
        ledger.Update([("ring_full", "open", 5), ("malformed", "", 2)]);
        Assert.Equal("malformed", Assert.Single(ledger.Current).Cause);
        ledger.Close(120 * Second);
        ledger.Update([("ring_full", "open", 9), ("malformed", "", 2)]);
        ledger.Close(130 * Second);
        Assert.Equal([(100L, 110L), (110, 120), (120, 130)],
            _written.Select(c => (c.FromUnixNs / Second, c.ToUnixNs / Second)));
        Assert.Equal([5ul, 2, 4], _written.Select(c => c.Losses.Single().Count));
    }

    [Fact]
    public void A_damaged_mark_is_no_mark()
    {
        File.WriteAllText(_mark, "abc");
        Assert.Null(Ledger().Start(100 * Second));
    }
}
