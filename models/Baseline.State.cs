using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>How far each class is, by the statistics of what was seen and by what people and the collector decided.</summary>
public sealed partial class Baseline
{
    /// <summary>
    /// The state of the class that is furthest behind: learning while any class is, else what the first class is that people
    /// decided of.
    /// </summary>
    public LearningState StateAt(long nowNs)
    {
        var worst = LearningState.Operational;
        foreach (var marks in Marks.All)
        {
            var state = StateOf(marks.Class, nowNs);
            if (state == LearningState.Learning)
                return state;
            if (state != LearningState.Operational && worst == LearningState.Operational)
                worst = state;
        }
        return worst;
    }

    /// <summary>The state of a class at a time, also when the collector is away: learning ends by the model's clock.</summary>
    public LearningState StateOf(BehaviourClass behaviourClass, long nowNs)
    {
        if (LearningStates.Decided(_policy, behaviourClass, nowNs) is { } decided)
            return decided;
        if (_options.Fixed24Hours)
            return nowNs - _firstEventNs < FixedLearningNs ? LearningState.Learning : LearningState.LockedByTime;
        if (_options.SetMembership)
            return LearningState.Learning;
        Refresh(nowNs);
        return _statistics.UpperBound(behaviourClass) * _statistics.UnitsPerDay(behaviourClass) > Marks.Of(behaviourClass).Beta
            ? LearningState.Learning
            : LearningState.Operational;
    }

    void Refresh(long nowNs)
    {
        if (_statisticsVersion == _units.Classes.Version
            && (!_statisticsStale || Math.Abs(nowNs - _statisticsNs) < StatisticsAgeNs))
            return;
        _statistics.Compute(_vocabulary.Values, _units.Classes);
        (_statisticsVersion, _statisticsNs, _statisticsStale) = (_units.Classes.Version, nowNs, false);
        _lambdaPerDay = LambdaPerDay(nowNs);
    }
}
