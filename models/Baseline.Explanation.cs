using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

public sealed partial class Baseline
{
    const int MostNearest = 3;

    Anomaly Explain(in ContainerEvent e, in Candidate candidate, in Ruling ruling, long timeNs)
    {
        var marks = Marks.Of(candidate.Class);
        var mark = marks.Marks[candidate.Mark];
        var state = StateAt(timeNs);
        var actor = candidate.Below.Equals(default)
            ? e.Actor.Text
            : $"{e.Actor.Text} > {PrintableText.Of(_reduction.Text(candidate.Below), LongestText)}";
        var target = PrintableText.Of(_reduction.Text(candidate.Text), LongestText);
        var explanation = new Explanation
        {
            Score = ruling.Score.Expected,
            ClassRatePerDay = ruling.Score.Rate,
            Mark = mark.Name,
            MarkBenign = ruling.Score.Benign,
            MarkAttack = ruling.Score.Attack,
            NewAtLevel = ruling.Score.Level,
            State = LearningProgress.NameOf(state),
            WouldBecomeKnown = WouldBecomeKnown(ruling, mark, state),
            EvidenceFraction = LearningProgress.FractionOf(_statistics, marks),
        };
        explanation.Nearest.AddRange(Nearest(candidate, actor));
        return new Anomaly
        {
            TimeUnixNs = e.TimeNs,
            Kind = e.Kind,
            Class = candidate.Class,
            Subject = AnomalyText.Subject(e),
            Behaviour = $"{actor} -> {target}",
            Summary = AnomalyText.Summary(e, ruling.Rule, candidate.Below.Equals(default) ? null : target),
            Rule = ruling.Rule?.Id ?? "",
            Technique = ruling.Rule?.Technique ?? mark.Technique,
            Explanation = explanation,
            Unverified = (e.Flags & (EventFlags.Unverified | EventFlags.Failed)) != 0,
            StrictLock = ruling.Strict,
        };
    }

    /// <summary>Learned behaviours of the class that share the most with this one, nearest first.</summary>
    IEnumerable<string> Nearest(in Candidate candidate, string actor)
    {
        var best = new (int Rank, Behaviour? Behaviour)[MostNearest];
        foreach (var behaviour in _behaviours.Values)
        {
            if (!behaviour.Learned || behaviour.Class != candidate.Class)
                continue;
            var rank = 1;
            for (var level = 0; level < LevelKeys.Count; level++)
                if (behaviour.Levels[level] == candidate.Levels[level])
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
        if (ruling.Rule is { UntilLearned: false })
            return "Never by learning: it breaks a critical rule.";
        if (state is LearningState.LockedByHand or LearningState.LockedByTime)
            return "Not while the workload is locked: let it happen again after learning was extended.";
        return mark.HighRisk
            ? "Two containers doing it on two days while the workload learns."
            : "Happening again while the workload learns and still shows more new behaviours.";
    }
}
