using System.Text;
using RuntimeGuard.Agent.Names;

namespace RuntimeGuard.Tests.Unit.Names;

public sealed class NameTableTests
{
    const ulong Second = 1_000_000_000;
    readonly NameBudget _budget = new(3000);

    [Theory]
    [InlineData(1u, 600)] // no shorter than the floor
    [InlineData(3600u, 3600)]
    [InlineData(uint.MaxValue, 86_400)] // no longer than the ceiling
    public void A_name_lives_as_long_as_its_answer_within_bounds(uint ttl, int seconds)
    {
        using var early = Table();
        early.Put(1, "a"u8, ttl, 0);
        Assert.Equal("a", NameOf(early, 1, (ulong)seconds * Second));
        using var late = Table();
        late.Put(1, "a"u8, ttl, 0);
        Assert.Null(NameOf(late, 1, ((ulong)seconds * Second) + 1));
    }

    /// <summary>A server that asks for its upstream once and then for ever connects to it goes on talking to it by name.</summary>
    [Fact]
    public void A_name_in_use_lives_on()
    {
        using var table = Table();
        table.Put(1, "a"u8, 1, 0);
        ulong now = 0;
        for (var i = 0; i < 1000; i++)
            Assert.Equal("a", NameOf(table, 1, now += NameTable.ShortestNs));
        Assert.Null(NameOf(table, 1, now + NameTable.ShortestNs + 1));
    }

    [Fact]
    public void The_latest_answer_names_an_address()
    {
        using var table = Table();
        table.Put(1, "a"u8, 60, 0);
        table.Put(1, "b"u8, 60, 1);
        Assert.Equal(("b", 1), (NameOf(table, 1, 2), table.Count));
        Assert.Null(NameOf(table, 2, 2));
    }

    [Fact]
    public void A_full_table_gives_up_what_ends_first_and_counts_it()
    {
        using var table = Table();
        for (var i = 0; i < NameTable.Capacity; i++)
            table.Put((UInt128)i, "a"u8, (uint)(1000 + i), 0);
        Assert.Equal(0, _budget.Evicted);
        table.Put(5000, "b"u8, 60, 0);
        Assert.Equal((NameTable.Capacity, 1), (table.Count, _budget.Evicted));
        Assert.Null(NameOf(table, 0, 1));
        Assert.Equal("b", NameOf(table, 5000, 1));
    }

    [Fact]
    public void One_containers_names_never_push_out_anothers()
    {
        using var first = Table();
        using var second = Table();
        using var third = Table();
        using var fourth = Table();
        foreach (var table in new[] { first, second, third })
            for (var i = 0; i < NameTable.Capacity; i++)
                table.Put((UInt128)i, "a"u8, 60, 0);
        fourth.Put(1, "a"u8, 60, 0);
        Assert.Equal((1024, 1024, 952, 0), (first.Count, second.Count, third.Count, fourth.Count));
        Assert.Equal(73, _budget.Evicted);
        first.Dispose();
        fourth.Put(1, "a"u8, 60, 0);
        Assert.Equal(1, fourth.Count);
    }

    /// <summary>What others hold and does not live any more makes room, and is no loss.</summary>
    [Fact]
    public void A_full_budget_takes_back_what_has_ended_before_it_refuses()
    {
        var budget = new NameBudget(2);
        using var ended = new NameTable(budget);
        using var second = new NameTable(budget);
        ended.Put(1, "a"u8, 60, 0);
        ended.Put(2, "b"u8, 3600, 0);
        second.Put(1, "c"u8, 60, NameTable.ShortestNs);
        Assert.Equal((2, 0, 1), (ended.Count, second.Count, budget.Evicted));

        second.Put(1, "c"u8, 60, NameTable.ShortestNs + Second);
        Assert.Equal((1, 1, 1), (ended.Count, second.Count, budget.Evicted));
        Assert.Equal("b", NameOf(ended, 2, NameTable.ShortestNs + Second));
    }

    [Fact]
    public void A_flood_at_a_full_budget_looks_for_ended_names_once_a_second()
    {
        var budget = new NameBudget(2);
        using var held = new NameTable(budget);
        using var flood = new NameTable(budget);
        held.Put(1, "a"u8, 60, 0);
        held.Put(2, "b"u8, 60, Second / 2);
        flood.Put(1, "c"u8, 60, NameTable.ShortestNs + 1);
        // The other has ended meanwhile, but not a second has gone since it was looked at.
        flood.Put(2, "d"u8, 60, NameTable.ShortestNs + Second);
        Assert.Equal((1, 1), (held.Count, flood.Count));
        flood.Put(3, "e"u8, 60, NameTable.ShortestNs + Second + 1);
        Assert.Equal((0, 2), (held.Count, flood.Count));
    }

    [Fact]
    public void The_regular_tick_takes_back_what_has_ended()
    {
        using var table = Table();
        table.Put(1, "a"u8, 60, 0);
        table.Put(2, "b"u8, 3600, 0);
        _budget.Tick(NameTable.ShortestNs);
        Assert.Equal(2, table.Count);
        _budget.Tick(NameTable.ShortestNs + NameBudget.SweepNs - 1);
        Assert.Equal(2, table.Count);
        _budget.Tick(NameTable.ShortestNs + NameBudget.SweepNs);
        Assert.Equal((1, 0), (table.Count, _budget.Evicted));
    }

    [Fact]
    public void What_is_known_is_found_and_renewed_without_allocating()
    {
        using var table = Table();
        table.Put(1, "db.example.com"u8, 60, 0);
        NameOf(table, 1, 1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            table.Put(1, "db.example.com"u8, 60, (ulong)i);
            if (!table.TryGet(1, (ulong)i, out _))
                Assert.Fail("the name is gone");
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    NameTable Table() => new(_budget);

    static string? NameOf(NameTable table, UInt128 address, ulong nowNs) =>
        table.TryGet(address, nowNs, out var name) ? Encoding.ASCII.GetString(name) : null;
}
