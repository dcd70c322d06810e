namespace RuntimeGuard.Models;

/// <summary>What is neither known nor covered: how unusual it is, what becomes of it, and whether it is told.</summary>
public sealed partial class Baseline
{
    /// <summary>Container-hours after which a version's own behaviours are no longer for review.</summary>
    const int ProbationHours = 24;

    readonly ref struct Novel(in Candidate candidate, in ContainerUnit unit, long timeNs, LearningState state, CriticalRule? rule, bool forged, bool first)
    {
        public readonly Candidate Candidate = candidate;
        public readonly ContainerUnit Unit = unit;
        public readonly long TimeNs = timeNs;
        public readonly LearningState State = state;
        public readonly CriticalRule? Rule = rule;
        public readonly bool Forged = forged;

        /// <summary>
        /// Its container has not done it before, and no other within a day: what most replicas do within a day is a change of the
        /// workload, and told as that; added up for each of them it would be n intrusions.
        /// </summary>
        public readonly bool First = first;
    }

    Ruling Novelty(in Novel novel, in ContainerEvent e, Behaviour? behaviour)
    {
        ref readonly var candidate = ref novel.Candidate;
        var (unit, timeNs, state, rule) = (novel.Unit, novel.TimeNs, novel.State, novel.Rule);
        var learns = LearningStates.Learns(state);
        var once = KeyHash.Mix(KeyHash.Mix(unit.Hash, candidate.Levels[0]), rule is null ? (ulong)state : candidate.Subject);
        if (_judged.Contains(once))
            return new Ruling(VerdictKind.Pending, behaviour);
        Refresh(timeNs);
        var marks = Marks.Of(candidate.Class);
        var level = LevelOf(candidate);
        var score = NoveltyScore.Of(_statistics, candidate.Class, candidate.Mark, level, state,
            Moment.Of(timeNs, _units.Classes.AreRuns(candidate.Class), _options.NoCalendar));
        if (_options.NoMarks)
            score = score.WithoutMarks(marks);
        var strict = rule is null && state == LearningState.LockedByHand && IsStrict(marks);
        var risky = marks.Marks[candidate.Mark].HighRisk && !_options.NoMarks && !_options.NoQuarantine
            && !_options.SetMembership;
        // What a new version brings is for review, not for the night shift, and stays so; what is risky is not excused by a release.
        var excusable = rule is null && !strict && !risky;
        var probation = excusable && !_options.SetMembership && _units.IsOnProbation(unit.Version, ProbationHours, timeNs);
        var review = probation || (excusable && behaviour is { ForReview: true } && behaviour.IsOnlyIn(unit.Version));
        var alert = rule is not null || strict
            || (!review && (_options.SetMembership ? !learns : score.Expected <= _options.Alpha));

        if (!novel.Forged)
            behaviour ??= Record(e, candidate, unit, timeNs, locked: !learns);
        if (learns && rule is null && !_reduction.Truncated && behaviour is not null && !probation
            && IsAccepted(behaviour, risky, (e.Flags & EventFlags.Injected) != 0, score, state, unit))
        {
            return new Ruling(VerdictKind.Learned, Learn(behaviour)) { Score = score, Lasts = true };
        }
        // What a container under suspicion does makes nothing of its kind more usual; in a drift most replicas would be suspects.
        if (behaviour is not null && state != LearningState.Drift && !_options.NoQuarantine && IsSuspect(unit, timeNs))
            behaviour.Suspected = true;
        var held = rule is not null || risky || (alert && !strict);
        if (behaviour is { Quarantined: false } && !_options.NoQuarantine && held)
        {
            behaviour.Quarantined = true;
            behaviour.ChangedAt = _units.Revision;
        }
        if (probation && behaviour is { ForReview: false })
        {
            behaviour.ForReview = true;
            behaviour.ChangedAt = _units.Revision;
        }
        MarkJudged(once);
        // In a drifting class there is much new, which is known then and says nothing; what looks like an attack still does.
        var drift = state == LearningState.Drift && score.Attack <= score.Benign;
        var incident = alert || review || !novel.First || drift ? null : GreyOf(e, candidate, unit, timeNs, score);
        return new Ruling(alert || incident is not null ? VerdictKind.Anomalous : VerdictKind.Pending, behaviour)
        {
            Rule = rule,
            Score = score,
            Strict = strict,
            Incident = incident,
        };
    }

    /// <summary>
    /// May it become normal now? High risk: only when two containers did it on two days, and never at alert level. Put in from
    /// outside (kubectl exec), or while its container is under suspicion: in its second unit, which a probe reaches and a visit
    /// does not. Else by the score: above the grey ceiling at once, grey in its second unit while learning, of a suspect only when
    /// another container does it too, alert level never. What cannot be learned name by name is accepted where its zone is known.
    /// </summary>
    bool IsAccepted(Behaviour behaviour, bool risky, bool injected, in NoveltyScore score, LearningState state,
        in ContainerUnit unit)
    {
        if (_options.SetMembership)
            return true;
        if (risky)
            return score.Expected > _options.Alpha && behaviour.Containers.Count >= 2 && behaviour.DaysSeen >= 2;
        if (state == LearningState.Unbounded && score.Level < 2)
            return true;
        var isSuspect = injected || IsSuspect(unit, LastEventNs);
        if (score.Expected > Marks.GreyCeiling)
            return !isSuspect || !behaviour.OnlyInUnit(unit.Hash);
        return state == LearningState.Learning && score.Expected > _options.Alpha && !behaviour.OnlyInUnit(unit.Hash)
            && (!isSuspect || behaviour.Containers.Count >= 2);
    }

    bool IsSuspect(in ContainerUnit unit, long nowNs) => _grey.IsSuspect(unit.Container, nowNs, _lambdaPerDay, GreyAlpha);

    int LevelOf(in Candidate candidate)
    {
        for (var level = LevelKeys.Count - 1; level > 0; level--)
            if (!_vocabulary.KnownLevels.Contains(candidate.View[level]))
                return level;
        return 0;
    }

    bool IsStrict(ClassMarks marks) =>
        _policy.StrictClasses.Count == 0 ? marks.Strict : _policy.StrictClasses.Contains(marks.Class);

    void MarkJudged(ulong once)
    {
        if (_judged.Count >= JudgedLimit)
        {
            _judgedEvicted += _judged.Count;
            _judged.Clear();
        }
        _judged.Add(once, out _);
    }
}
