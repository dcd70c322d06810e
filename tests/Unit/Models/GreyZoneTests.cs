using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>The worked numbers of the specification, and how grey events add up.</summary>
public sealed class GreyZoneTests
{
    const long Hour = 3_600_000_000_000;
    const long Start = 480_000 * Hour;

    /// <summary>Marks of the check: q0 (.70, .10, .15, .02, .03) and q1 (.20, .25, .20, .15, .20).</summary>
    static readonly double ExecTool = Math.Log2(.25 / .10), Discovery = Math.Log2(.20 / .03), Credential = Math.Log2(.15 / .02);

    static GreyEvent Event(long hours, double bits, ulong parent, ulong lineage = 1, ulong container = 1, ulong touched = 0) =>
        new(container, lineage, Start + (hours * Hour), BehaviourClass.Exec, parent, touched, $"a -> {parent}", "m", .05, bits);

    [Fact]
    public void Rate_bounds_of_the_specification()
    {
        Assert.Equal(0.665065, GreyZone.RateBound(5, 10), 6);
        Assert.Equal(0.0264899, GreyZone.RateBound(0, 30), 7);
        Assert.Equal(0.821187, GreyZone.RateBound(0, 0), 6);
    }

    [Fact]
    public void Bounds_and_bits_of_the_specification()
    {
        Assert.Equal(8.8138, GreyZone.Bound(3, .5, .01), 4);
        Assert.Equal(10.5507, GreyZone.Bound(10, .5, .01), 4);
        Assert.Equal(12.1357, GreyZone.Bound(30, .5, .01), 4);
        Assert.Equal(2, GreyZone.Bound(3, 1e-9, .01));
        var accumulator = new GreyAccumulator();
        double[][] expected = [[2.9069, 4.6439, 6.2288], [7.1086, 10.1617, 12.1294], [11.5403, 16.1201, 19.0716]];
        (long Hours, double Bits)[] steps = [(0, ExecTool), (2, Discovery), (3, Credential)];
        for (var i = 0; i < steps.Length; i++)
        {
            accumulator.Add(new Contribution { TimeUnixNs = Start + (steps[i].Hours * Hour), Bits = steps[i].Bits }, .5, fixedHalfLife: false);
            for (var rho = 0; rho < 3; rho++)
                Assert.Equal(expected[i][rho], accumulator.Bits[rho], 4);
        }
    }

    [Fact]
    public void Three_steps_of_a_chain_are_an_incident_that_names_them_all()
    {
        var grey = new GreyZone(fixedHalfLife: false);
        Assert.Null(grey.Add(Event(0, ExecTool, 1), .5, .01, out _));
        Assert.Null(grey.Add(Event(2, Discovery, 2), .5, .01, out _));
        var incident = grey.Add(Event(3, Credential, 3), .5, .01, out _);
        Assert.Equal(["a -> 1", "a -> 2", "a -> 3"], incident!.Steps.Select(s => s.Behaviour));
        Assert.True(incident.Bits >= incident.Bound);
        // What was told does not count a second time; who did it is a suspect for a day.
        Assert.Null(grey.Add(Event(3, Credential, 4), .5, .01, out _));
        Assert.True(grey.IsSuspect(1, Start + (26 * Hour), .5, .01));
        Assert.False(grey.IsSuspect(1, Start + (28 * Hour), .5, .01));
    }

    /// <summary>Long names from many containers: the quiet ones are forgotten, counted, and the one that acts is not.</summary>
    [Fact]
    public void What_is_remembered_is_bounded()
    {
        var grey = new GreyZone(fixedHalfLife: false);
        var name = new string('x', 1000);
        for (var container = 1ul; container <= 200; container++)
            for (var parent = 1ul; parent <= 30; parent++)
                Assert.Null(grey.Add(Event((long)container, -9, parent, lineage: parent, container: container) with { Behaviour = name }, .5, .01, out _));
        Assert.InRange(grey.Evicted, 190, 199);
        Assert.Null(grey.Add(Event(201, ExecTool, 1, container: 200), .5, .01, out _));
        Assert.Null(grey.Add(Event(203, Discovery, 2, container: 200), .5, .01, out _));
        Assert.NotNull(grey.Add(Event(204, Credential, 3, container: 200), .5, .01, out _));
    }

    [Fact]
    public void One_event_counts_for_each_parent_in_a_lineage_and_hour()
    {
        var grey = new GreyZone(fixedHalfLife: false);
        for (var i = 0; i < 20; i++)
        {
            Assert.Null(grey.Add(Event(0, 1, 1), .5, .01, out var counted));
            Assert.Equal(i == 0, counted);
        }
    }

    [Fact]
    public void Far_apart_in_time_they_decay()
    {
        var grey = new GreyZone(fixedHalfLife: false);
        for (var day = 0; day < 60; day++)
            Assert.Null(grey.Add(Event(day * 24, 0.5, (ulong)day), 2, .01, out _));
    }

    [Fact]
    public void Lineages_that_touch_the_same_file_are_one()
    {
        var grey = new GreyZone(fixedHalfLife: false);
        Assert.Null(grey.Add(Event(0, ExecTool, 1, lineage: 1, touched: 77), .5, .01, out _));
        Assert.Null(grey.Add(Event(2, Discovery, 2, lineage: 2, touched: 77), .5, .01, out _));
        Assert.Equal(3, grey.Add(Event(3, Credential, 3, lineage: 2), .5, .01, out _)!.Steps.Count);
    }

    [Fact]
    public void The_same_peer_from_two_containers_adds_up_across_them()
    {
        var grey = new GreyZone(fixedHalfLife: false);
        Assert.Null(grey.Add(Event(0, 3, 1, container: 1, touched: 9), .5, .01, out _));
        var incident = grey.Add(Event(0, 3, 1, container: 2, touched: 9), .5, .01, out _);
        Assert.Equal(2, incident!.Steps.Count);
    }

    [Fact]
    public void A_flood_of_lineages_stays_below_its_caps()
    {
        var grey = new GreyZone(fixedHalfLife: false);
        for (ulong i = 0; i < 5000; i++)
            grey.Add(Event((long)i / 100, -3, i, lineage: i, container: i % 700, touched: i), .5, .01, out _);
        Assert.InRange(grey.Evicted, 700 - 256, 5000); // of 700 containers it remembers 256
        Assert.False(grey.IsSuspect(1, Start + Hour, .5, .01));
    }
}
