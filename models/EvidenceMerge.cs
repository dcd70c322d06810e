using Google.Protobuf;
using Google.Protobuf.Collections;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Merges evidence of one workload. Commutative, associative and idempotent, and bit-identical whatever the order and the
/// split: every field is a union, minimum, maximum or or, what is of a hard pattern is folded into it
/// (<see cref="EvidenceFold"/>), and the outcome is sorted.
/// </summary>
public static class EvidenceMerge
{
    /// <summary>
    /// Texts a Baseline makes, in characters. A printable text may end with one escape (13) beyond its bound: an actor is
    /// "… > " and three executables of 256, and may name the command below it (240).
    /// </summary>
    public const int LongestActor = 4 + 3 * (256 + 13 + 3) + LongestObject;
    public const int LongestObject = 240 + 16;
    const int LongestMark = 64;
    const int LongestVersion = 512;

    /// <summary>Containers whose features are kept for finding roles; the ones seen longest ago go.</summary>
    public const int MostFeatures = 256;
    const int MostBehaviours = Baseline.BehaviourLimit;
    const int HourBytes = 21;

    /// <summary>
    /// What is wrong with evidence that came from outside, in words, or null. Evidence that passes can be merged and
    /// stored; merging does not check again.
    /// </summary>
    public static string? Refuse(Evidence evidence)
    {
        if (evidence.Format != EvidenceFormat.Current)
            return $"evidence has format {evidence.Format}, this version reads {EvidenceFormat.Oldest} to {EvidenceFormat.Current}; upgrade the older side";
        if (evidence.Workload is null)
            return "evidence names no workload";
        if (evidence.Behaviours.Count > MostBehaviours)
            return $"evidence holds {evidence.Behaviours.Count} behaviours, more than {MostBehaviours}";
        foreach (var b in evidence.Behaviours)
        {
            if (!IsClass(b.Class))
                return $"behaviour {b.Key:x16} has the unknown class {(int)b.Class}";
            if (b.Units.Count > BottomK.Units || b.Containers.Count > BottomK.Containers)
                return $"behaviour {b.Key:x16} has {b.Units.Count} units and {b.Containers.Count} containers, more than a sketch holds";
            if (b.LevelKeys.Count != LevelKeys.Count)
                return $"behaviour {b.Key:x16} has {b.LevelKeys.Count} level keys instead of {LevelKeys.Count}";
            if (b.HoursOfWeek.Length is not (0 or HourBytes))
                return $"behaviour {b.Key:x16} has {b.HoursOfWeek.Length} bytes of hours instead of {HourBytes}";
            if (!FitsTexts(b))
                return $"behaviour {b.Key:x16} has a text longer than a baseline makes: actor {LongestActor}, object {LongestObject} characters";
            if (b.FirstSeenUnixNs < 0 || b.LastSeenUnixNs < 0 || b.MaxDay < 0)
                return $"behaviour {b.Key:x16} has a time before 1970";
        }
        foreach (var c in evidence.Classes)
        {
            if (!IsClass(c.Class))
                return $"evidence of the unknown class {(int)c.Class}";
            if (c.Units.Count > BottomK.ClassUnits || c.StartUnits.Count > BottomK.StartUnits)
                return $"class {c.Class} has {c.Units.Count} units and {c.StartUnits.Count} start-ups, more than {BottomK.ClassUnits} and {BottomK.StartUnits}";
            if (c.HoursOfWeek.Length is not (0 or HourBytes) || c.MaxDay < 0)
                return $"class {c.Class} has a calendar that is none";
        }
        return RefuseLedgers(evidence);
    }

    static string? RefuseLedgers(Evidence evidence)
    {
        if (evidence.Versions.Count > WorkloadUnits.MostVersions || evidence.Rates.Count > RateLedger.MostSources + 1
            || evidence.Features.Count > MostFeatures)
            return $"evidence holds {evidence.Versions.Count} versions, {evidence.Rates.Count} sources of rates and " +
                $"{evidence.Features.Count} containers, more than {WorkloadUnits.MostVersions}, {RateLedger.MostSources + 1} and {MostFeatures}";
        foreach (var version in evidence.Versions)
            if (version.Version.Length > LongestVersion || version.Units.Count > BottomK.VersionUnits || version.Key == 0)
                return $"version {version.Key:x16} has no key, a longer text than {LongestVersion}, or more units than {BottomK.VersionUnits}";
        foreach (var rates in evidence.Rates)
            if (rates.Classes.Count > ContainerUnits.ClassCount || rates.Classes.Any(c => !IsClass(c.Class)
                || c.Volumes.Count > 2 * VolumeStatistics.Buckets || c.Containers.Count > BottomK.Containers
                || c.NovelContainers.Count > BottomK.Containers || c.GreyByScore.Count is not (0 or GreyScore.Bins) || c.OlderContexts.Count > ClassTally.ContextCount
                || c.Volumes.Any(v => !(v.Sum >= 0) || !(v.Squares >= 0) || !double.IsFinite(v.Sum + v.Squares))))
                return $"rates of source {rates.Source:x16} are of an unknown class, too many, or no numbers";
        foreach (var features in evidence.Features)
            if (features.Features.Count > BottomK.Features)
                return $"container {features.Container:x16} has {features.Features.Count} features, more than {BottomK.Features}";
        return null;
    }

    /// <summary>
    /// The higher generation alone when they differ, else the union of both; an empty side may be of any format. Neither
    /// argument is changed.
    /// </summary>
    /// <exception cref="ArgumentException">Another format or another workload.</exception>
    public static Evidence Merge(Evidence a, Evidence b)
    {
        if (a.Format != b.Format && !IsEmpty(a) && !IsEmpty(b))
            throw new ArgumentException($"evidence of format {a.Format} does not merge with format {b.Format}", nameof(b));
        if (!Equals(a.Workload, b.Workload))
            throw new ArgumentException($"evidence of {a.Workload} does not merge with that of {b.Workload}", nameof(b));
        if (a.Generation != b.Generation)
            return Union([a.Generation > b.Generation ? a : b]);
        return Union([a, b]);
    }

    /// <summary>
    /// What may be merged into the evidence of a locked workload: everything is recorded, nothing becomes known. A
    /// behaviour that is neither learned already nor one more name of an open pattern arrives quarantined: visible, for a
    /// person to decide. Neither argument is changed.
    /// </summary>
    /// <param name="locked">The evidence as it was locked.</param>
    /// <param name="evidence">What came after.</param>
    /// <param name="withheld">How many behaviours were claimed as learned and are not.</param>
    public static Evidence Withhold(Evidence locked, Evidence evidence, out int withheld)
    {
        var known = locked.Behaviours.Where(b => b.Learned).Select(b => b.Key).ToHashSet();
        var result = evidence.Clone();
        withheld = 0;
        EvidenceView? view = null;
        foreach (var behaviour in result.Behaviours)
        {
            if (!behaviour.Learned || known.Contains(behaviour.Key) || (view ??= EvidenceView.Of(locked)).Knows(behaviour))
                continue;
            (behaviour.Learned, behaviour.Quarantined) = (false, true);
            withheld++;
        }
        return result;
    }

    /// <summary>Whether its texts are as short as a Baseline makes them.</summary>
    public static bool FitsTexts(BehaviourEvidence behaviour) =>
        behaviour.Actor.Length <= LongestActor && behaviour.Object.Length <= LongestObject && behaviour.Mark.Length <= LongestMark;

    /// <summary>
    /// May stored evidence be worked with? It was checked when it came, by this version or one whose bounds were wider: too
    /// much of it is cut when it is merged, what has no shape is refused.
    /// </summary>
    public static bool IsReadable(Evidence evidence) => evidence.Format == EvidenceFormat.Current && evidence.Behaviours.All(b => IsClass(b.Class)
        && b.Units.Count <= BottomK.Units && b.Containers.Count <= BottomK.Containers) && evidence.Classes.All(c => IsClass(c.Class));

    internal static bool IsEmpty(Evidence evidence) =>
        evidence is { Behaviours.Count: 0, Classes.Count: 0, Versions.Count: 0, Rates.Count: 0, Features.Count: 0 };

    internal static bool IsClass(BehaviourClass c) => c is > BehaviourClass.Unspecified and <= BehaviourClass.Dns;

    static Evidence Union(ReadOnlySpan<Evidence> parts)
    {
        var merged = new Evidence
        {
            Workload = parts[0].Workload?.Clone(),
            Generation = parts[0].Generation,
        };
        var behaviours = new SortedDictionary<ulong, BehaviourEvidence>();
        var classes = new SortedDictionary<int, ClassEvidence>();
        var ledgers = new LedgerMerge();
        foreach (var part in parts)
        {
            ledgers.Add(part);
            merged.Format = Math.Max(merged.Format, part.Format);
            merged.Revision = Math.Max(merged.Revision, part.Revision);
            foreach (var behaviour in part.Behaviours)
                behaviours[behaviour.Key] = behaviours.TryGetValue(behaviour.Key, out var other)
                    ? Merge(other, behaviour)
                    : Merge(new BehaviourEvidence { Key = behaviour.Key }, behaviour);
            foreach (var c in part.Classes)
                classes[(int)c.Class] = classes.TryGetValue((int)c.Class, out var other)
                    ? Merge(other, c)
                    : Merge(new ClassEvidence { Class = c.Class }, c);
        }
        EvidenceFold.Fold(behaviours);
        merged.Behaviours.AddRange(behaviours.Values);
        merged.Classes.AddRange(classes.Values);
        ledgers.WriteTo(merged);
        return merged;
    }

    internal static BehaviourEvidence Merge(BehaviourEvidence a, BehaviourEvidence b)
    {
        var (maxDay, days) = DaySet.Merge(a.MaxDay, a.Days, b.MaxDay, b.Days);
        var merged = new BehaviourEvidence
        {
            Class = (BehaviourClass)Math.Max((int)a.Class, (int)b.Class),
            // One key has one text; should a liar send another, the order of arrival still decides nothing.
            Actor = Larger(a.Actor, b.Actor),
            Object = Larger(a.Object, b.Object),
            Key = a.Key,
            FirstSeenUnixNs = ClassUnits.Earlier(a.FirstSeenUnixNs, b.FirstSeenUnixNs),
            LastSeenUnixNs = Math.Max(a.LastSeenUnixNs, b.LastSeenUnixNs),
            MaxDay = maxDay,
            Days = days,
            HoursOfWeek = Or(a.HoursOfWeek, b.HoursOfWeek),
            Quarantined = a.Quarantined || b.Quarantined,
            ForReview = a.ForReview || b.ForReview,
            Learned = a.Learned || b.Learned,
            Mark = Larger(a.Mark, b.Mark),
            StartPhase = a.StartPhase | b.StartPhase,
            Secret = a.Secret || b.Secret,
        };
        Fill(merged.Units, a.Units, b.Units, BottomK.Units);
        Fill(merged.Containers, a.Containers, b.Containers, BottomK.Containers);
        Fill(merged.Versions, a.Versions, b.Versions, BottomK.Versions);
        merged.LevelKeys.AddRange(a.LevelKeys.ToArray().AsSpan().SequenceCompareTo(b.LevelKeys.ToArray()) >= 0
            ? a.LevelKeys : b.LevelKeys);
        return merged;
    }

    static ClassEvidence Merge(ClassEvidence a, ClassEvidence b)
    {
        var (maxDay, days) = DaySet.Merge(a.MaxDay, a.Days, b.MaxDay, b.Days);
        var merged = new ClassEvidence
        {
            MaxDay = maxDay,
            Days = days,
            HoursOfWeek = Or(a.HoursOfWeek, b.HoursOfWeek),
            Class = a.Class,
            FirstCompleteUnixNs = ClassUnits.Earlier(a.FirstCompleteUnixNs, b.FirstCompleteUnixNs),
            Runs = a.Runs || b.Runs,
        };
        Fill(merged.Units, a.Units, b.Units, BottomK.ClassUnits);
        Fill(merged.StartUnits, a.StartUnits, b.StartUnits, BottomK.StartUnits);
        return merged;
    }

    internal static void Fill(RepeatedField<ulong> to, IEnumerable<ulong> a, IEnumerable<ulong> b, int k)
    {
        foreach (var hash in a.Concat(b).Distinct().Order().Take(k))
            to.Add(hash);
    }

    static ByteString Or(ByteString a, ByteString b)
    {
        if (a.IsEmpty || b.IsEmpty)
            return a.IsEmpty ? b : a;
        var merged = new byte[Math.Max(a.Length, b.Length)];
        for (var i = 0; i < merged.Length; i++)
            merged[i] = (byte)((i < a.Length ? a[i] : 0) | (i < b.Length ? b[i] : 0));
        return ByteString.CopyFrom(merged);
    }

    static string Larger(string a, string b) => string.CompareOrdinal(a, b) >= 0 ? a : b;
}
