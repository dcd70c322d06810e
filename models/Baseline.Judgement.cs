using System.Text;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

public sealed partial class Baseline
{
    /// <summary>What was decided of one candidate.</summary>
    readonly record struct Ruling(VerdictKind Kind, Behaviour? Behaviour)
    {
        public CriticalRule? Rule { get; init; }
        public NoveltyScore Score { get; init; }
        public bool Strict { get; init; }
        public BehaviourContext? Context { get; init; }
        public GreyIncident? Incident { get; init; }
        /// <summary>The same bytes again need no look: it is known whatever the time.</summary>
        public bool Lasts { get; init; }
    }

    Verdict Judge(in ContainerEvent e, in ContainerUnit unit, long timeNs, ulong raw)
    {
        Ruling worst = default;
        var worstIndex = -1;
        var lasts = true;
        for (var i = 0; i < _reduction.Count; i++)
        {
            var ruling = Judge(e, _reduction[i], unit, timeNs);
            lasts &= ruling.Lasts;
            if (worstIndex >= 0 && !IsWorse(ruling, worst))
                continue;
            (worst, worstIndex) = (ruling, i);
        }
        if (lasts)
            Remember(raw);
        return new Verdict(worst.Kind, worst.Behaviour?.Key ?? 0,
            worst.Kind == VerdictKind.Anomalous ? Explain(e, _reduction[worstIndex], worst, unit, timeNs) : null);
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
        _vocabulary.TryGet(candidate.Levels[0], out var behaviour);
        var forged = behaviour is not null && !IsNamed(behaviour, e, candidate);
        if (forged)
            behaviour = null; // the same key for another text: made to pass for what is known, and never to be
        var known = behaviour is { Learned: true } && !_reduction.Truncated;
        var rule = candidate.Rule;
        if (known && rule is null && _overrides.IsEmpty)
            return Known(e, candidate, behaviour!, unit, timeNs);
        // Before the state is asked for: a name of an open group is no novelty.
        var covered = !known && !forged && rule is null && IsCovered(e, candidate);
        if (covered && _overrides.IsEmpty)
            return Covered(e, candidate, behaviour, unit, timeNs);

        var state = StateOf(candidate.Class, timeNs);
        var learns = LearningStates.Learns(state);
        if (rule is not null && (rule.UntilLearned || !e.Container.HasImage) && (learns || _vocabulary.KnownLevels.Contains(candidate.View[2])))
            rule = null;
        var said = _overrides.IsEmpty ? null : _overrides.Of(candidate, _reduction.Text(candidate.Text),
            ActorOf(e, candidate), e.Container.Version, timeNs, exactOnly: rule is not null);
        if (said is { Kind: OverrideKind.Deny })
            rule = CriticalRules.Denied;
        else if (said is not null)
            return Allowed(e, candidate, behaviour, unit, timeNs);
        else if (known && rule is null)
            return Known(e, candidate, behaviour!, unit, timeNs);
        else if (covered && rule is null)
            return Covered(e, candidate, behaviour, unit, timeNs);
        var first = behaviour is null
            || (!behaviour.Containers.MayHold(unit.Container) && timeNs - behaviour.LastSeenNs > 24 * ContainerUnits.HourNs);
        if (behaviour is not null)
            Touch(behaviour, unit, timeNs);
        return Novelty(new Novel(candidate, unit, timeNs, state, rule, forged, first), e, behaviour);
    }

    /// <summary>Covered by the pattern of what the same actor has learned, while its names are open-ended.</summary>
    bool IsCovered(in ContainerEvent e, in Candidate candidate) => candidate.IsCovered && !_reduction.Truncated
        && _vocabulary.Covering(candidate, _reduction.Text(candidate.ViewText), ActorOf(e, candidate)) is not null;

    /// <summary>
    /// One more name of an open group is known, whatever the state, and its own name with it from now on: what was normal once
    /// stays so when the group turns out to be closed, and the count of names says whether it does.
    /// </summary>
    Ruling Covered(in ContainerEvent e, in Candidate candidate, Behaviour? behaviour, in ContainerUnit unit, long timeNs)
    {
        if (behaviour is null)
            behaviour = Record(e, candidate, unit, timeNs, locked: true, novel: false);
        else
            Touch(behaviour, unit, timeNs);
        if (behaviour is null)
            return new Ruling(VerdictKind.Known, _vocabulary.Covering(candidate, _reduction.Text(candidate.ViewText), ActorOf(e, candidate)));
        return new Ruling(VerdictKind.Known, Learn(behaviour)) { Lasts = true };
    }

    Behaviour Learn(Behaviour behaviour)
    {
        behaviour.Learned = true;
        behaviour.ChangedAt = _units.Revision;
        return _vocabulary.Learned(behaviour, _units.Revision);
    }

    /// <summary>A person said that this is normal: it is seen and counted, and never judged.</summary>
    Ruling Allowed(in ContainerEvent e, in Candidate candidate, Behaviour? behaviour, in ContainerUnit unit, long timeNs)
    {
        behaviour ??= Record(e, candidate, unit, timeNs, locked: true);
        if (behaviour is not null)
            Touch(behaviour, unit, timeNs);
        return new Ruling(VerdictKind.Known, behaviour);
    }

    Behaviour? Record(in ContainerEvent e, in Candidate candidate, in ContainerUnit unit, long timeNs, bool locked, bool novel = true)
    {
        if (!_vocabulary.MakeRoom(locked))
            return null;
        var text = _reduction.Text(candidate.Text);
        var made = _vocabulary.Add(candidate.Class, candidate.Levels, ActorOf(e, candidate),
            Generaliser.IsWhole(text) ? text.ToArray() : Encoding.UTF8.GetBytes(PrintableText.Of(text, LongestText)),
            Reduction.LastingMark(candidate, text));
        made.Secret = candidate.Secret;
        Touch(made, unit, timeNs);
        if (novel && !unit.IsStart)
            _lastContainer!.MarkNovel(candidate.Class);
        return made;
    }

    string ActorOf(in ContainerEvent e, in Candidate candidate) => candidate.Below.Equals(default)
        ? e.Actor.Text
        : $"{e.Actor.Text} > {PrintableText.Of(_reduction.Text(candidate.Below), LongestText)}";

    /// <summary>Is this behaviour the candidate's, by its texts? Keys are hashes that whoever chooses names can aim at.</summary>
    bool IsNamed(Behaviour behaviour, in ContainerEvent e, in Candidate candidate) =>
        IsText(behaviour, _reduction.Text(candidate.Text)) && behaviour.Actor == ActorOf(e, candidate);

    static bool IsText(Behaviour behaviour, ReadOnlySpan<byte> text) => Generaliser.IsWhole(text)
        ? behaviour.Text.SequenceEqual(text)
        : behaviour.Object == PrintableText.Of(text, LongestText);

    /// <summary>All of the event's behaviours are learned: the same bytes again need no reduction.</summary>
    void Remember(ulong raw)
    {
        // With overrides too: only rulings that none had a part in last, and none begins to apply by itself.
        if (_reduction.Truncated)
            return;
        if (_reduction.Count == 1)
        {
            if (_vocabulary.TryGet(_reduction[0].Levels[0], out var one) && _reduction[0].Rule is null or { UntilLearned: true })
                _cache.Put(raw, one, null);
            return;
        }
        var many = new Behaviour[_reduction.Count];
        for (var i = 0; i < many.Length; i++)
            if (_reduction[i].Rule is not (null or { UntilLearned: true })
                || !_vocabulary.TryGet(_reduction[i].Levels[0], out many[i]!))
                return;
        _cache.Put(raw, null, many);
    }
}
