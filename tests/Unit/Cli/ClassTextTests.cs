using RuntimeGuard.Cli;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class ClassTextTests
{
    static ClassProgress Progress(string state) => new()
    {
        Class = BehaviourClass.Exec,
        State = state,
        Units = 40,
        NewPerDay = 0.0801,
        NewPerDayUpper = 0.19,
        EvidenceFraction = 0.349,
        UnitsMissing = 30.4,
        CalendarComplete = true,
    };

    [Theory]
    [InlineData("operational", "exec: operational, 0.08 new behaviours per container-day (95 % ≤ 0.19)")]
    [InlineData("learning", "exec: learning, needs about 31 more container-hours if nothing new comes")]
    [InlineData("locked by hand", "exec: locked by hand at 34 % of the evidence")]
    [InlineData("locked by time", "exec: locked by time at 34 % of the evidence, 0.08 new behaviours per container-day (95 % ≤ 0.19)")]
    [InlineData("frozen", "exec: frozen at 34 % of the evidence: learns nothing, and what is new is judged by its score")]
    [InlineData("drift", "exec: drift: it changed after it was learned; it is open again, and what is new is held back")]
    [InlineData("unbounded", "exec: cannot be learned, scored by zone")]
    [InlineData("a state\u001b of later", "exec: a state\\x1b of later")]
    public void Each_state_of_a_class_is_a_sentence(string state, string sentence) =>
        Assert.Equal(sentence, ClassText.Sentence(Progress(state)));

    [Fact]
    public void Jobs_count_runs_and_what_has_no_unit_says_so()
    {
        var job = Progress("learning");
        job.Runs = true;
        Assert.Equal("exec: learning, needs about 31 more runs if nothing new comes", ClassText.Sentence(job));
        job.UnitsMissing = 0.2;
        Assert.Equal("exec: learning, needs about one more run if nothing new comes", ClassText.Sentence(job));
        job.State = "operational";
        Assert.Contains("0.08 new behaviours per day of its runs", ClassText.Sentence(job));
        var locked = Progress("locked by time");
        (locked.Units, locked.EvidenceFraction) = (0, 0);
        Assert.Equal("exec: locked by time at 0 % of the evidence, no whole container-hour watched yet", ClassText.Sentence(locked));
    }

    [Fact]
    public void What_is_missing_of_the_week_and_what_is_held_back_are_said()
    {
        var early = Progress("operational");
        (early.CalendarComplete, early.DaysSeen, early.HoursOfWeekSeen, early.Quarantined) = (false, 5, 60, 2);
        Assert.EndsWith("; what is daily or weekly may be missing (5 days, 60 of 168 hours of the week seen); quarantined: 2",
            ClassText.Sentence(early));
    }
}
