namespace RuntimeGuard.Models;

public sealed partial class Baseline
{
    /// <summary>What was decided of one candidate.</summary>
    readonly record struct Ruling(VerdictKind Kind, Behaviour? Behaviour, CriticalRule? Rule, NoveltyScore Score, bool Strict);

    Verdict Judge(in ContainerEvent e, in ContainerUnit unit, long timeNs, ulong raw)
    {
        Ruling worst = default;
        var worstIndex = -1;
        var allKnown = true;
        for (var i = 0; i < _reduction.Count; i++)
        {
            var ruling = Judge(e, _reduction[i], unit, timeNs);
            allKnown &= ruling.Kind is VerdictKind.Known or VerdictKind.Learned && ruling.Behaviour is not null;
            if (worstIndex >= 0 && !IsWorse(ruling, worst))
                continue;
            (worst, worstIndex) = (ruling, i);
        }
        if (allKnown)
            Remember(raw);
        var candidate = _reduction[worstIndex];
        return new Verdict(worst.Kind, worst.Behaviour?.Key ?? 0,
            worst.Kind == VerdictKind.Anomalous ? Explain(e, candidate, worst, timeNs) : null);
    }

    static bool IsWorse(in Ruling a, in Ruling b)
    {
        if (Severity(a.Kind) != Severity(b.Kind))
            return Severity(a.Kind) > Severity(b.Kind);
        return (a.Rule is not null, -a.Score.Expected).CompareTo((b.Rule is not null, -b.Score.Expected)) > 0;
    }

    static int Severity(VerdictKind kind) => kind switch
    {
        VerdictKind.Anomalous => 3,
        VerdictKind.Pending => 2,
        VerdictKind.Learned => 1,
        _ => 0,
    };

    Ruling Judge(in ContainerEvent e, in Candidate candidate, in ContainerUnit unit, long timeNs)
    {
        var key = candidate.Levels[0];
        _behaviours.TryGetValue(key, out var behaviour);
        var forged = behaviour is not null && !IsNamed(behaviour, e, candidate);
        if (forged)
            behaviour = null; // the same key for another text: made to pass for what is known, and never to be
        if (behaviour is not null)
            Touch(behaviour, unit, timeNs);
        if (candidate.Rule is null && behaviour is { Learned: true } && !_reduction.Truncated)
            return new Ruling(VerdictKind.Known, behaviour, null, default, false);
        var state = StateAt(timeNs);
        var learns = state is LearningState.Learning or LearningState.Operational;
        var rule = candidate.Rule;
        if (rule is not null && (rule.UntilLearned || !e.Container.HasImage) && (learns || _knownLevels.Contains(candidate.Levels[2])))
            rule = null;
        if (rule is null && behaviour is { Learned: true } && !_reduction.Truncated)
            return new Ruling(VerdictKind.Known, behaviour, null, default, false);

        var once = KeyHash.Mix(KeyHash.Mix(unit.Hash, key),
            KeyHash.Mix(rule is null ? (ulong)state : candidate.Subject, _policy.Version));
        if (_judged.Contains(once))
            return new Ruling(VerdictKind.Pending, behaviour, null, default, false);
        Refresh(timeNs);
        var marks = Marks.Of(candidate.Class);
        var score = NoveltyScore.Of(_statistics, candidate.Class, candidate.Mark, LevelOf(candidate), state);
        if (_options.NoMarks)
            score = score.WithoutMarks(marks);
        var strict = rule is null && state == LearningState.LockedByHand && IsStrict(marks);
        var alert = rule is not null || strict
            || (_options.SetMembership ? !learns : score.Expected <= _options.Alpha);
        var risky = marks.Marks[candidate.Mark].HighRisk && !_options.NoMarks && !_options.NoQuarantine
            && !_options.SetMembership;

        if (!forged)
            behaviour ??= Record(e, candidate, unit, timeNs, !learns);
        if (learns && rule is null && !_reduction.Truncated && behaviour is not null
            && IsAccepted(behaviour, risky, (e.Flags & EventFlags.Injected) != 0, score, state, unit))
        {
            Learn(behaviour, unit.Hash);
            return new Ruling(VerdictKind.Learned, behaviour, null, score, false);
        }
        if (behaviour is not null && !_options.NoQuarantine && !behaviour.Quarantined
            && (rule is not null || risky || (alert && !strict)))
        {
            behaviour.Quarantined = true;
            behaviour.ChangedAt = _units.Revision;
        }
        MarkJudged(once);
        return new Ruling(alert ? VerdictKind.Anomalous : VerdictKind.Pending, behaviour, rule, score, strict);
    }

    /// <summary>
    /// May it become normal now? High risk: only when two containers did it on two days. Put in from outside (kubectl
    /// exec): in its second unit, which a probe reaches and a visit does not. Else by the score: above the grey ceiling at
    /// once, grey in its second unit while learning, alert level never.
    /// </summary>
    bool IsAccepted(Behaviour behaviour, bool risky, bool injected, in NoveltyScore score, LearningState state,
        in ContainerUnit unit)
    {
        if (_options.SetMembership)
            return true;
        if (risky)
            return behaviour.Containers.Count >= 2 && behaviour.DaysSeen >= 2;
        if (score.Expected > Marks.GreyCeiling)
            return !injected || !behaviour.OnlyInUnit(unit.Hash);
        return state == LearningState.Learning && score.Expected > _options.Alpha && !behaviour.OnlyInUnit(unit.Hash);
    }

    Behaviour? Record(in ContainerEvent e, in Candidate candidate, in ContainerUnit unit, long timeNs, bool locked)
    {
        if (!MakeRoom(locked))
            return null;
        var actor = candidate.Below.Equals(default)
            ? e.Actor.Text
            : $"{e.Actor.Text} > {PrintableText.Of(_reduction.Text(candidate.Below), LongestText)}";
        var made = new Behaviour(candidate.Class, candidate.Levels[0], actor,
            PrintableText.Of(_reduction.Text(candidate.Text), LongestText))
        {
            Mark = candidate.Mark,
            Levels = candidate.Levels,
        };
        Keep(made);
        Touch(made, unit, timeNs);
        return made;
    }

    /// <summary>Is this behaviour the candidate's, by its texts? Keys are hashes that whoever chooses names can aim at.</summary>
    bool IsNamed(Behaviour behaviour, in ContainerEvent e, in Candidate candidate)
    {
        if (!PrintableText.IsOf(_reduction.Text(candidate.Text), behaviour.Object, LongestText))
            return false;
        return candidate.Below.Equals(default)
            ? behaviour.Actor == e.Actor.Text
            : behaviour.Actor == $"{e.Actor.Text} > {PrintableText.Of(_reduction.Text(candidate.Below), LongestText)}";
    }

    int LevelOf(in Candidate candidate)
    {
        for (var level = LevelKeys.Count - 1; level > 0; level--)
            if (!_knownLevels.Contains(candidate.Levels[level]))
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
        _judged.Add(once);
    }

    /// <summary>All of the event's behaviours are learned: the same bytes again need no reduction.</summary>
    void Remember(ulong raw)
    {
        if (_reduction.Truncated)
            return;
        if (_reduction.Count == 1)
        {
            if (_behaviours.TryGetValue(_reduction[0].Levels[0], out var one) && _reduction[0].Rule is null or { UntilLearned: true })
                _cache.Put(raw, one, null);
            return;
        }
        var many = new Behaviour[_reduction.Count];
        for (var i = 0; i < many.Length; i++)
            if (_reduction[i].Rule is not (null or { UntilLearned: true })
                || !_behaviours.TryGetValue(_reduction[i].Levels[0], out many[i]!))
                return;
        _cache.Put(raw, null, many);
    }
}
