using RuntimeGuard.Cli;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class WordsTests
{
    [Theory]
    [InlineData(0.004, "0.004")]
    [InlineData(0.0041999, "0.0042")]
    [InlineData(0.1 + 0.2, "0.3")]
    [InlineData(0, "0")]
    [InlineData(-1, "0")]
    [InlineData(1, "1")]
    [InlineData(12.34, "12")]
    [InlineData(345.6, "346")]
    [InlineData(2.5e-8, "0.000000025")]
    [InlineData(1e-12, "less than 0.000000001")]
    [InlineData(1e12, "more than a billion")]
    [InlineData(double.NaN, "unknown")]
    [InlineData(double.PositiveInfinity, "unbounded")]
    public void A_rate_is_told_without_powers_of_ten(double value, string expected) =>
        Assert.Equal(expected, Words.Number(value));

    [Fact]
    public void Values_of_the_wire_have_names_for_machines()
    {
        Assert.Equal("file_write", Words.Of(BehaviourClass.FileWrite));
        Assert.Equal("locked_by_hand", Words.Of(LearningMode.LockedByHand));
        Assert.Equal("process_vm_writev", Words.Of(EventKind.ProcessVmWritev));
        Assert.Equal("77", Words.Of((EventKind)77));
    }

    [Theory]
    [InlineData("T1059.004", "https://attack.mitre.org/techniques/T1059/004/")]
    [InlineData("T1611", "https://attack.mitre.org/techniques/T1611/")]
    [InlineData("T1611/../../evil", "")]
    [InlineData("", "")]
    public void Only_a_well_formed_technique_becomes_an_address(string technique, string expected) =>
        Assert.Equal(expected, Words.TechniqueAddress(technique));

    [Fact]
    public void The_clock_is_mentioned_only_when_it_is_scaled()
    {
        Assert.Null(Words.TimeScale(1));
        Assert.Null(Words.TimeScale(0));
        Assert.Contains("x360", Words.TimeScale(360));
    }
}
