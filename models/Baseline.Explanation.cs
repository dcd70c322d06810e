using System.Globalization;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

public sealed partial class Baseline
{
    const int MostNearest = 3;

    Anomaly Explain(in ContainerEvent e, in Candidate candidate, in Ruling ruling, in ContainerUnit unit, long timeNs)
    {
        var marks = Marks.Of(candidate.Class);
        var mark = marks.Marks[candidate.Mark];
        var state = StateOf(candidate.Class, timeNs);
        var actor = ActorOf(e, candidate);
        var target = PrintableText.Of(_reduction.Text(candidate.Text), LongestText);
        var explanation = ExplanationOf(marks, mark, ruling.Score, state);
        explanation.WouldBecomeKnown = WouldBecomeKnown(ruling, mark, state);
        explanation.NewAtLevel = ruling.Score.Level;
        explanation.Context = ruling.Context?.ToString().ToLowerInvariant() ?? "";
        explanation.Role = _lastContainer!.Role?.Name ?? "";
        if (_units.HasOlder(unit.Version) && (ruling.Behaviour?.IsOnlyIn(unit.Version) ?? true))
            explanation.Version = e.Container.Version;
        explanation.Nearest.AddRange(Nearest(candidate, actor));
        if (!_options.NoBackOff)
            explanation.Bits = BackOff.Bits(_vocabulary.Values, _lastContainer, candidate, actor, ruling.Score.Level);
        if (!_options.NoPrequential)
            _lastContainer.Scored(candidate);
        var anomaly = new Anomaly
        {
            TimeUnixNs = e.TimeNs,
            Kind = e.Kind,
            Class = candidate.Class,
            Subject = AnomalyText.Subject(e),
            Behaviour = $"{actor} -> {target}",
            BehaviourKey = candidate.Levels[0],
            Summary = AnomalyText.Summary(e, ruling.Rule, candidate.Below.Equals(default) ? null : target, explanation.Context),
            Rule = ruling.Rule?.Id ?? "",
            Technique = ruling.Rule is { Technique.Length: > 0 } rule ? rule.Technique : mark.Technique,
            Explanation = explanation,
            Unverified = (e.Flags & (EventFlags.Unverified | EventFlags.Failed)) != 0,
            StrictLock = ruling.Strict,
        };
        return ruling.Incident is { } incident ? Incident(anomaly, incident) : anomaly;
    }

    /// <summary>The event that completed an incident tells of all of them.</summary>
    static Anomaly Incident(Anomaly last, GreyIncident incident)
    {
        last.Rule = GreyRule;
        last.Summary = incident.Steps.Count == 1
            ? $"a small deviation where there are next to none: {last.Summary}"
            : string.Create(CultureInfo.InvariantCulture,
                $"{incident.Steps.Count} small deviations add up to an intrusion's trace; the last: {last.Summary}");
        last.Explanation.Contributions.AddRange(incident.Steps);
        (last.Explanation.EvidenceBits, last.Explanation.EvidenceBound) = (incident.Bits, incident.Bound);
        return last;
    }

    Anomaly ExplainVolume(in ContainerEvent e, Behaviour known, long timeNs, (bool Peers, double Count, double Usual, double Expected) volume)
    {
        var marks = Marks.Of(known.Class);
        var explanation = ExplanationOf(marks, marks.Marks[known.Mark],
            new NoveltyScore(volume.Expected, _statistics.Rate(known.Class, 0), 0, 1, 1), StateOf(known.Class, timeNs));
        explanation.WouldBecomeKnown = "Hours with as much of it while the workload learns.";
        explanation.Role = _lastContainer!.Role?.Name ?? "";
        var what = volume.Peers ? "different peers" : $"{marks.Name} events";
        return new Anomaly
        {
            TimeUnixNs = e.TimeNs,
            Kind = e.Kind,
            Class = known.Class,
            Subject = AnomalyText.Subject(e),
            Behaviour = $"{known.Actor} -> {known.Object}",
            BehaviourKey = known.Key,
            Summary = string.Create(CultureInfo.InvariantCulture,
                $"{volume.Count:0} {what} in an hour, where {volume.Usual:0.#} are usual; this one was {AnomalyText.Subject(e)}"),
            Rule = volume.Peers ? FanOutRule : VolumeRule,
            Technique = volume.Peers ? "T1046" : "T1499",
            Explanation = explanation,
        };
    }

    /// <summary>Ids in <see cref="Anomaly.Rule"/> that are no critical rules: what decided was arithmetic.</summary>
    internal const string GreyRule = "grey-zone", VolumeRule = "volume", FanOutRule = "fan-out";

    Explanation ExplanationOf(ClassMarks marks, Mark mark, in NoveltyScore score, LearningState state) => new()
    {
        Score = score.Expected,
        ClassRatePerDay = score.Rate,
        Mark = mark.Name,
        MarkBenign = score.Benign,
        MarkAttack = score.Attack,
        State = LearningStates.NameOf(state),
        EvidenceFraction = LearningProgress.FractionOf(_statistics, marks),
    };

    /// <summary>Learned behaviours of the class that share the most with this one, nearest first.</summary>
    IEnumerable<string> Nearest(in Candidate candidate, string actor)
    {
        var best = new (int Rank, Behaviour? Behaviour)[MostNearest];
        foreach (var behaviour in _vocabulary.Values)
        {
            if (!behaviour.Learned || behaviour.Class != candidate.Class)
                continue;
            var rank = 1;
            for (var level = 0; level < LevelKeys.Count; level++)
                if (behaviour.Seen[level] == candidate.View[level])
                    rank += 2 * (LevelKeys.Count - level);
            if (behaviour.Actor == actor)
                rank += 3;
            for (var i = 0; i < MostNearest; i++)
            {
                if (rank <= best[i].Rank)
                    continue;
                for (var j = MostNearest - 1; j > i; j--)
                    best[j] = best[j - 1];
                best[i] = (rank, behaviour);
                break;
            }
        }
        return best.Where(b => b.Behaviour is not null).Select(b => $"{b.Behaviour!.Actor} -> {b.Behaviour.Object}");
    }

    static string WouldBecomeKnown(in Ruling ruling, Mark mark, LearningState state)
    {
        if (ReferenceEquals(ruling.Rule, CriticalRules.Denied))
            return "Not while a person's no stands: it was denied.";
        if (ruling.Rule is { UntilLearned: false })
            return "Never by learning: it breaks a critical rule. A person can allow exactly this behaviour.";
        if (ruling.Context is not null)
            return "It is known; this was its first time so, and the next will not be.";
        return state switch
        {
            LearningState.LockedByHand or LearningState.LockedByTime =>
                "Not while the workload is locked: let it happen again after learning was extended.",
            LearningState.Frozen => "Not while learning is frozen: unfreeze it and let it happen again.",
            LearningState.Drift => "Most replicas doing it after a rollout, or on three days.",
            _ when mark.HighRisk => "Two containers doing it on two days while the workload learns.",
            _ => "Happening again while the workload learns and still shows more new behaviours.",
        };
    }
}
