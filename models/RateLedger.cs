using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// What is counted rather than seen or not: grey events, known behaviours in a new context, novelties after learning, and
/// volumes. Each node counts for itself; of every source the highest version is kept, and reading sums over sources, so
/// that merging is commutative, associative and idempotent.
/// </summary>
sealed class RateLedger(ulong source)
{
    public const int MostSources = 64;

    /// <summary>Units after which the watch-dog's window begins anew: a week of one container.</summary>
    const int WindowUnits = 168;

    readonly ClassTally[] _own = [.. Enumerable.Range(0, ContainerUnits.ClassCount).Select(_ => new ClassTally())];
    // As on the wire: 64 sources are read as sums, and as messages they would take megabytes.
    readonly Dictionary<ulong, (ulong Version, byte[] Packed)> _others = [];
    readonly WeakReference<List<RateEvidence>> _parsed = new(null!);
    ulong _version;
    ulong _changedAt;

    public ulong Revision { get; set; } = 1;

    /// <summary>Sources left out because there were too many.</summary>
    public long Refused { get; private set; }

    public void AddGrey(BehaviourClass c, double score)
    {
        _own[(int)c].Grey[GreyScore.BinOf(score)]++;
        Change();
    }

    /// <summary>An event that was counted became part of an incident: it is not what is usual.</summary>
    public void TakeGrey(BehaviourClass c, double score)
    {
        ref var count = ref _own[(int)c].Grey[GreyScore.BinOf(score)];
        count -= Math.Min(count, 1);
        Change();
    }

    public void AddContext(BehaviourClass c, BehaviourContext context)
    {
        _own[(int)c].Contexts[(int)context]++;
        Change();
    }

    public void AddHour(BehaviourClass c, in CompleteHour hour)
    {
        var own = _own[(int)c];
        if (own.RecentUnits >= WindowUnits)
            own.StartWindow(hour.Hour * ContainerUnits.HourNs);
        own.RecentUnits++;
        own.Recent.Add(hour.Container);
        own.AddContextUnit();
        if (hour.IsNovel)
        {
            own.RecentNovel++;
            own.Novel.Add(hour.Container);
        }
        own.Volumes.Add(VolumeStatistics.BucketOf(hour.Hour), hour.Count);
        if (c == BehaviourClass.NetOut)
            own.Volumes.Add(VolumeStatistics.Buckets + VolumeStatistics.BucketOf(hour.Hour), hour.Peers);
        Change();
    }

    /// <summary>Grey events of all classes and sources by score.</summary>
    public void GreyByScore(Span<double> counts)
    {
        for (var bin = 0; bin < counts.Length; bin++)
        {
            var at = bin;
            counts[bin] = _own.Sum(own => (double)own.Grey[at]) + Others().Sum(o => o.Classes.Sum(c => (double)GreyScore.CountOf(c, at)));
        }
    }

    /// <summary>How often known behaviours of the class came new into such a context lately, and in how many units.</summary>
    public (double Seen, double Units) Context(BehaviourClass c, BehaviourContext context) =>
        (Sum(c, own => own.Contexts[(int)context] + own.OlderContexts[(int)context],
            other => Now(other, context) + ClassTally.OlderOf(other, (int)context)),
        Sum(c, own => own.ContextUnits + own.OlderContextUnits, other => other.ContextUnits + other.OlderContextUnits));

    static ulong Now(ClassRates rates, BehaviourContext context) => context switch
    {
        BehaviourContext.Phase => rates.NewPhase,
        BehaviourContext.Hour => rates.NewHour,
        _ => rates.NewRole,
    };

    /// <summary>What was counted before this time is no part of the watch-dog's window any more.</summary>
    public void StartWindow(BehaviourClass c, long sinceNs)
    {
        if (_own[(int)c].WindowSinceNs >= sinceNs)
            return;
        _own[(int)c].StartWindow(sinceNs);
        Change();
    }

    /// <summary>
    /// The watch-dog's windows that began since then: units, those with a novelty, and of a sample of the containers how many had
    /// one: sketches of all and of the novel ones would both be full.
    /// </summary>
    public RecentNovelty Recent(BehaviourClass c, long sinceNs)
    {
        var own = _own[(int)c].WindowSinceNs >= sinceNs ? _own[(int)c] : new ClassTally();
        var (all, novel) = (new HashSet<ulong>(), new HashSet<ulong>());
        var (units, novelUnits) = (own.RecentUnits, own.RecentNovel);
        foreach (var container in own.Recent.AsSpan())
            all.Add(container);
        foreach (var container in own.Novel.AsSpan())
            novel.Add(container);
        foreach (var classes in Others().SelectMany(o => o.Classes).Where(o => o.Class == c && o.WindowSinceNs >= sinceNs))
        {
            (units, novelUnits) = (units + classes.RecentUnits, novelUnits + classes.RecentNovel);
            all.UnionWith(classes.Containers);
            novel.UnionWith(classes.NovelContainers);
        }
        novel.IntersectWith(all);
        return new RecentNovelty(units, novelUnits, all.Count, novel.Count);
    }

    /// <summary>Volumes of a class in a bucket, over all sources.</summary>
    public VolumeCounts Volume(BehaviourClass c, int bucket)
    {
        var counts = _own[(int)c].Volumes.Of(bucket);
        foreach (var volume in Others().SelectMany(o => o.Classes).Where(o => o.Class == c).SelectMany(o => o.Volumes))
            if (volume.Bucket == bucket)
                counts = counts.Plus(volume.Hours, volume.Sum, volume.Squares);
        return counts;
    }

    /// <summary>What the others' counters take.</summary>
    public long Bytes => _others.Values.Sum(other => other.Packed.Length + 64L);

    public void Merge(RateEvidence other, bool changed)
    {
        if (other.Source == source)
        {
            // Our own, from before a restart or a lost disk.
            if (other.Version <= _version)
                return;
            _version = other.Version;
            foreach (var classes in other.Classes)
                _own[(int)classes.Class].Load(classes);
            _changedAt = changed ? Revision : _changedAt;
            return;
        }
        if (_others.TryGetValue(other.Source, out var known))
        {
            if (known.Version < other.Version)
                Keep(other);
        }
        else if (_others.Count < MostSources)
            Keep(other);
        else
            Refused++;
    }

    /// <summary>Own counters, or also what others are known to have counted.</summary>
    public IEnumerable<RateEvidence> ToEvidence(bool onlyChanged)
    {
        if (_version > 0 && (!onlyChanged || _changedAt > 0))
        {
            var evidence = new RateEvidence { Source = source, Version = _version };
            for (var c = 1; c < _own.Length; c++)
                if (_own[c].ToEvidence((BehaviourClass)c) is { } classes)
                    evidence.Classes.Add(classes);
            yield return evidence;
        }
        if (!onlyChanged)
            foreach (var other in Others())
                yield return other;
    }

    public void Acknowledge(ulong revision) => _changedAt = _changedAt <= revision ? 0 : _changedAt;

    void Change()
    {
        _version++;
        _changedAt = Revision;
    }

    double Sum(BehaviourClass c, Func<ClassTally, double> own, Func<ClassRates, double> other) =>
        own(_own[(int)c]) + Others().Sum(o => o.Classes.Where(classes => classes.Class == c).Sum(other));

    void Keep(RateEvidence other)
    {
        _others[other.Source] = (other.Version, other.ToByteArray());
        _parsed.SetTarget(null!);
    }

    /// <summary>Parsed when asked for, and as long as nobody needs the memory.</summary>
    List<RateEvidence> Others()
    {
        if (!_parsed.TryGetTarget(out var parsed) || parsed is null)
            _parsed.SetTarget(parsed = [.. _others.OrderBy(o => o.Key).Select(o => RateEvidence.Parser.ParseFrom(o.Value.Packed))]);
        return parsed;
    }
}

/// <summary>In what a known behaviour can be new.</summary>
enum BehaviourContext
{
    Phase,
    Hour,
    Role,
}

/// <summary>Units of the watch-dog's window and those with a novelty; containers are counted up to a sketch's size.</summary>
readonly record struct RecentNovelty(double Units, double Novel, int Containers, int NovelContainers);
