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
    readonly ClassTally?[] _sums = new ClassTally?[ContainerUnits.ClassCount];
    bool _summed;
    ulong _version;
    ulong _changedAt;

    public ulong Revision { get; set; } = 1;

    /// <summary>Sources left out because there were too many.</summary>
    public long Refused { get; private set; }

    public void AddGrey(BehaviourClass c, int events = 1)
    {
        var own = _own[(int)c];
        own.Grey = events < 0 ? own.Grey - Math.Min(own.Grey, (ulong)-events) : own.Grey + (ulong)events;
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
            own.StartWindow();
        own.RecentUnits++;
        own.Recent.Add(hour.Container);
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

    /// <summary>Grey events of all classes and sources.</summary>
    public double Grey
    {
        get
        {
            Summarise();
            return _own.Sum(own => (double)own.Grey) + _sums.Sum(other => (double)(other?.Grey ?? 0));
        }
    }

    public double Context(BehaviourClass c, BehaviourContext context) =>
        _own[(int)c].Contexts[(int)context] + (double)(OthersOf(c)?.Contexts[(int)context] ?? 0);

    /// <summary>The watch-dog's window: units, those with a novelty, and the containers of each.</summary>
    public RecentNovelty Recent(BehaviourClass c)
    {
        var own = _own[(int)c];
        var (all, novel) = (new HashSet<ulong>(), new HashSet<ulong>());
        foreach (var container in own.Recent.AsSpan())
            all.Add(container);
        foreach (var container in own.Novel.AsSpan())
            novel.Add(container);
        foreach (var classes in Others().SelectMany(o => o.Classes).Where(o => o.Class == c))
        {
            all.UnionWith(classes.Containers);
            novel.UnionWith(classes.NovelContainers);
        }
        var others = OthersOf(c);
        return new RecentNovelty(own.RecentUnits + (double)(others?.RecentUnits ?? 0), own.RecentNovel + (double)(others?.RecentNovel ?? 0),
            all.Count, novel.Count);
    }

    /// <summary>Volumes of a class in a bucket, over all sources.</summary>
    public VolumeCounts Volume(BehaviourClass c, int bucket)
    {
        var own = _own[(int)c].Volumes.Of(bucket);
        var others = OthersOf(c)?.Volumes.Of(bucket) ?? default;
        return own.Plus(others.Hours, others.Sum, others.Squares);
    }

    /// <summary>What the others' counters take.</summary>
    public long Bytes => _others.Values.Sum(other => other.Packed.Length + 64L) + SumBytes;

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

    /// <summary>Volumes of every class and bucket.</summary>
    const long SumBytes = ContainerUnits.ClassCount * 2 * VolumeStatistics.Buckets * 24;

    void Keep(RateEvidence other)
    {
        _others[other.Source] = (other.Version, other.ToByteArray());
        _summed = false;
    }

    IEnumerable<RateEvidence> Others() => _others.OrderBy(o => o.Key).Select(o => RateEvidence.Parser.ParseFrom(o.Value.Packed));

    ClassTally? OthersOf(BehaviourClass c)
    {
        Summarise();
        return _sums[(int)c];
    }

    void Summarise()
    {
        if (_summed)
            return;
        Array.Clear(_sums);
        foreach (var classes in Others().SelectMany(other => other.Classes))
            if (EvidenceMerge.IsClass(classes.Class))
                (_sums[(int)classes.Class] ??= new ClassTally()).Add(classes);
        _summed = true;
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
