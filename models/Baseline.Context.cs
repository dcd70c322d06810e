using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>What is known and yet unusual: in a phase, at an hour or in a role where it never was, or too much of it.</summary>
public sealed partial class Baseline
{
    /// <summary>Both phases must have had so many units before one of them can be the wrong one.</summary>
    const int PhaseUnits = 24;

    /// <summary>
    /// A behaviour of regular hours: seen on so many days, in half as many hours of the week. What is merely rare comes in a new
    /// hour almost every time.
    /// </summary>
    const int RegularDays = 14;

    /// <summary>A volume is looked at when it reaches this and at each doubling.</summary>
    const uint FirstVolume = 64;

    /// <summary>Hours of a bucket, and of all buckets together, from which on a volume can be judged by them.</summary>
    const int BucketHours = 8;
    const int VolumeHours = 24;

    /// <summary>Rates watched for one container in a day: every class and the peers, each hour.</summary>
    const double RatesPerDay = 24 * ContainerUnits.ClassCount;

    double GreyAlpha => _options.Alpha * Marks.GreyShare;

    Ruling Known(in ContainerEvent e, in Candidate candidate, Behaviour behaviour, in ContainerUnit unit, long timeNs)
    {
        var context = behaviour.IsIn(unit) ? null : ContextOf(behaviour, candidate, unit, timeNs);
        Touch(behaviour, unit, timeNs);
        // Once in a unit: containers that take turns would make any context usual.
        var once = context is null ? 0 : KeyHash.Mix(KeyHash.Mix(unit.Hash, behaviour.Key), 0x636F_6E74 + (ulong)context.Value);
        if (context is null || _judged.Contains(once))
            return new Ruling(VerdictKind.Known, behaviour) { Lasts = candidate.Rule is null };
        MarkJudged(once);
        Refresh(timeNs);
        var state = StateOf(candidate.Class, timeNs);
        var lately = _units.Rates.Context(candidate.Class, context.Value);
        var score = NoveltyScore.OfContext(_statistics, candidate.Class, candidate.Mark, lately, state);
        _units.Rates.AddContext(candidate.Class, context.Value);
        var alert = score.Expected <= _options.Alpha && state != LearningState.Learning;
        var incident = alert ? null : GreyOf(e, candidate, unit, timeNs, score);
        return new Ruling(alert || incident is not null ? VerdictKind.Anomalous : VerdictKind.Known, behaviour)
        {
            Score = score,
            Context = context,
            Incident = incident,
            Lasts = true,
        };
    }

    BehaviourContext? ContextOf(Behaviour behaviour, in Candidate candidate, in ContainerUnit unit, long timeNs)
    {
        var steady = _units.Classes.Of(candidate.Class).Count;
        if (behaviour.IsNewPhase(unit) && _units.Classes.StartsOf(candidate.Class).Count >= PhaseUnits && steady >= PhaseUnits)
            return BehaviourContext.Phase;
        if (!_options.NoCalendar && behaviour.DaysSeen >= RegularDays && 2 * behaviour.Calendar.HoursSeen <= behaviour.DaysSeen
            && !behaviour.Calendar.Has(Calendar.HourOf(timeNs)))
        {
            Refresh(timeNs);
            if (_statistics.HasFullWeek(candidate.Class))
                return BehaviourContext.Hour;
        }
        if (_roles.Count > 1 && !_options.NoRoles && RoleOf(_lastContainer!, timeNs) is { } role
            && !_roles.Knows(role, RoleBook.FeatureOf(candidate.Class, candidate.Levels)))
            return BehaviourContext.Role;
        return null;
    }

    Role? RoleOf(ContainerUnits container, long timeNs)
    {
        if (timeNs < container.RoleUntilNs)
            return container.Role;
        container.RoleUntilNs = timeNs + ContainerUnits.HourNs;
        return container.Role = _roles.Assign(container.Features.AsSpan());
    }

    /// <summary>An event between alpha and the grey ceiling: adds up with others; the incident it completed, or null.</summary>
    GreyIncident? GreyOf(in ContainerEvent e, in Candidate candidate, in ContainerUnit unit, long timeNs, in NoveltyScore score)
    {
        if (_options.NoGreyZone || _options.SetMembership || score.Expected > Marks.GreyCeiling || score.Expected <= 0)
            return null;
        var mark = Marks.Of(candidate.Class).Marks[candidate.Mark];
        var bits = GreyScore.Bits(score.Attack / score.Benign, GreyScore.Ratio(score.Expected, _greyByScore));
        var incident = _grey.Add(new GreyEvent(unit.Container, e.Lineage, timeNs, candidate.Class, e.Actor.Hash, TouchedBy(e),
            $"{ActorOf(e, candidate)} -> {PrintableText.Of(_reduction.Text(candidate.Text), LongestText)}", mark.Name, score.Expected,
            bits), _lambdaPerDay, GreyAlpha, out var counted);
        if (counted)
            _units.Rates.AddGrey(candidate.Class, score.Expected);
        if (incident is not null)
            foreach (var step in incident.Steps)
                _units.Rates.TakeGrey(step.Class, step.Score);
        return incident;
    }

    /// <summary>That by which lineages meet: the file written or run, or the peer.</summary>
    static ulong TouchedBy(in ContainerEvent e)
    {
        if (!e.Peer.IsEmpty)
            return KeyHash.Of(e.Port, e.Peer);
        var path = e.Kind == EventKind.Rename ? e.Path2 : e.Path;
        return path.IsEmpty || e.Kind == EventKind.Exec && (e.Flags & EventFlags.NotInImage) == 0 ? 0 : KeyHash.Of(path);
    }

    /// <summary>
    /// Grey events expected per container-day: the posterior's bound, and no less than what classes let through whose rate is not
    /// what it was: a locked one is asserted to, and one that learns may, up to its weight, by what e means.
    /// </summary>
    double LambdaPerDay(long nowNs)
    {
        _units.Rates.GreyByScore(_greyByScore);
        var lambda = GreyZone.RateBound(_greyByScore.Sum(), _statistics.Units(BehaviourClass.Exec) / Math.Max(1, _statistics.UnitsPerDay(BehaviourClass.Exec)));
        var least = 0.0;
        foreach (var marks in Marks.All)
        {
            var state = StateOf(marks.Class, nowNs);
            if (LearningStates.IsLocked(state))
                least += Math.Min(_statistics.Rate(marks.Class, 0), marks.Beta);
            else if (state == LearningState.Learning)
                least += Math.Min(_statistics.Rate(marks.Class, 0), marks.Weight * Marks.GreyCeiling);
        }
        return Math.Max(lambda, Math.Min(1, least));
    }

    /// <summary>Counts what did not alert; too much of its class, or too many peers, is an anomaly of its own.</summary>
    Verdict Counted(in ContainerEvent e, Behaviour known, (BehaviourClass Class, bool IsKnown) counted, long timeNs)
    {
        var container = _lastContainer!;
        var count = container.Count(counted.Class, timeNs);
        var bucket = VolumeStatistics.BucketOf(timeNs / ContainerUnits.HourNs);
        if (counted.IsKnown && count >= FirstVolume && System.Numerics.BitOperations.IsPow2(count)
            && VolumeOf(e, known, timeNs, (bucket, count)) is { } volume)
            return volume;
        return FanOutOf(e, known, counted.Class, timeNs) ?? new Verdict(VerdictKind.Known, known.Key, null);
    }

    /// <summary>
    /// Too many different peers within the hour, known ones or not. A public name is one peer at all its addresses; inside each
    /// address counts, for whoever owns a name can have it lead to a whole network.
    /// </summary>
    Verdict? FanOutOf(in ContainerEvent e, Behaviour behaviour, BehaviourClass behaviourClass, long timeNs) =>
        behaviourClass == BehaviourClass.NetOut && !e.Peer.IsEmpty
        && _lastContainer!.AddPeer(KeyHash.Of(e.Name.IsEmpty || PeerPattern.ScopeOf(e.Peer) != PeerScope.Public ? e.Peer : e.Name)) is > 0 and var peers
            ? VolumeOf(e, behaviour, timeNs, (VolumeStatistics.Buckets + VolumeStatistics.BucketOf(timeNs / ContainerUnits.HourNs), peers))
            : null;

    Verdict? VolumeOf(in ContainerEvent e, Behaviour known, long timeNs, (int Bucket, double Count) volume)
    {
        var state = StateOf(known.Class, timeNs);
        var isPeers = volume.Bucket >= VolumeStatistics.Buckets;
        var once = KeyHash.Mix(KeyHash.Mix(_lastContainer!.Hash, (ulong)(timeNs / ContainerUnits.HourNs)),
            KeyHash.Mix((ulong)known.Class, isPeers ? 2ul : 1ul));
        if (_judged.Contains(once))
            return null;
        var counts = _units.Rates.Volume(known.Class, volume.Bucket);
        if (counts.Hours < BucketHours)
        {
            // What still changes is compared with its own time of the week or not at all.
            if (state is LearningState.Learning or LearningState.Drift)
                return null;
            counts = default;
            var first = isPeers ? VolumeStatistics.Buckets : 0;
            for (var bucket = first; bucket < first + VolumeStatistics.Buckets; bucket++)
            {
                var (hours, sum, squares) = _units.Rates.Volume(known.Class, bucket);
                counts = counts.Plus(hours, sum, squares);
            }
            if (counts.Hours < VolumeHours)
                return null;
        }
        var expected = VolumeStatistics.Tail(counts, volume.Count) * RatesPerDay;
        if (expected > _options.Alpha * Marks.VolumeShare)
            return null;
        MarkJudged(once);
        return new Verdict(VerdictKind.Anomalous, known.Key, ExplainVolume(e, known, timeNs,
            (isPeers, volume.Count, counts.Sum / counts.Hours, expected)));
    }
}
