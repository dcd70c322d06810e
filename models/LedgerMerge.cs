using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Merges what evidence holds beside behaviours and classes: versions by union, rates by the highest version of each source,
/// features by union of each container. Every choice goes by value, so order decides nothing.
/// </summary>
sealed class LedgerMerge
{
    readonly SortedDictionary<ulong, VersionEvidence> _versions = [];
    readonly SortedDictionary<ulong, RateEvidence> _rates = [];
    readonly SortedDictionary<ulong, ContainerFeatures> _features = [];

    public void Add(Evidence part)
    {
        foreach (var version in part.Versions)
            _versions[version.Key] = Merge(_versions.GetValueOrDefault(version.Key), version);
        foreach (var rates in part.Rates)
            if (!_rates.TryGetValue(rates.Source, out var known) || IsNewer(rates, known))
                _rates[rates.Source] = rates.Clone();
        foreach (var features in part.Features)
            _features[features.Container] = Merge(_features.GetValueOrDefault(features.Container), features);
    }

    /// <summary>
    /// At the caps: the newest versions, the sources that counted most, the containers seen last. Beyond the first and the last
    /// of these merging is not associative: what one merge drops can come back in part with the next.
    /// </summary>
    public void WriteTo(Evidence merged)
    {
        merged.Versions.AddRange(_versions.Values.OrderByDescending(v => v.FirstSeenUnixNs).ThenBy(v => v.Key)
            .Take(WorkloadUnits.MostVersions).OrderBy(v => v.Key));
        merged.Rates.AddRange(_rates.Values.OrderByDescending(r => r.Version).ThenBy(r => r.Source)
            .Take(RateLedger.MostSources).OrderBy(r => r.Source));
        merged.Features.AddRange(_features.Values.OrderByDescending(f => f.LastSeenUnixNs).ThenBy(f => f.Container)
            .Take(EvidenceMerge.MostFeatures).OrderBy(f => f.Container));
    }

    static VersionEvidence Merge(VersionEvidence? a, VersionEvidence b)
    {
        var merged = new VersionEvidence
        {
            Version = a is null || string.CompareOrdinal(a.Version, b.Version) < 0 ? b.Version : a.Version,
            Key = b.Key,
            FirstSeenUnixNs = ClassUnits.Earlier(a?.FirstSeenUnixNs ?? 0, b.FirstSeenUnixNs),
        };
        EvidenceMerge.Fill(merged.Units, a?.Units ?? [], b.Units, BottomK.VersionUnits);
        return merged;
    }

    static ContainerFeatures Merge(ContainerFeatures? a, ContainerFeatures b)
    {
        var merged = new ContainerFeatures
        {
            Container = b.Container,
            LastSeenUnixNs = Math.Max(a?.LastSeenUnixNs ?? 0, b.LastSeenUnixNs),
        };
        EvidenceMerge.Fill(merged.Features, a?.Features ?? [], b.Features, BottomK.Features);
        return merged;
    }

    /// <summary>By version, and between two of one version (a liar's) by their bytes.</summary>
    static bool IsNewer(RateEvidence a, RateEvidence b) => a.Version != b.Version
        ? a.Version > b.Version
        : a.ToByteArray().AsSpan().SequenceCompareTo(b.ToByteArray()) > 0;
}
