using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>What is left for a person to look at in a workload's evidence: what a version brought, and what is quarantined.</summary>
sealed class VersionReview
{
    readonly Model _model;
    readonly List<Override> _overrides;
    readonly List<VersionEvidence> _versions;

    /// <summary>One more name of a pattern that an older version has too is nothing a version brought.</summary>
    readonly EvidenceView _view;

    public VersionReview(Model model, long nowUnixNs)
    {
        _model = model;
        _view = EvidenceView.Of(model.Evidence);
        _overrides = [.. model.Policy.Overrides.Where(one => !OverridePlan.IsOver(one, nowUnixNs))];
        _versions = [.. model.Evidence.Versions.OrderBy(version => version.FirstSeenUnixNs).ThenBy(version => version.Key)];
    }

    /// <summary>Oldest first.</summary>
    public IEnumerable<VersionSummary> Versions()
    {
        var found = _model.Evidence.Behaviours
            .Where(behaviour => behaviour.Versions.Count > 0 && _view.VersionsOf(behaviour).Count == 1 && !IsDecided(behaviour))
            .GroupBy(behaviour => behaviour.Versions[0]).ToDictionary(group => group.Key, group => group.Select(_view.KeyOf).Distinct().Count());
        return _versions.Select(version => new VersionSummary
        {
            Version = version.Version,
            Key = version.Key,
            FirstSeenUnixNs = version.FirstSeenUnixNs,
            Units = BottomK.Estimate(version.Units.Count, version.Units.DefaultIfEmpty().Max(), BottomK.VersionUnits),
            NewBehaviours = HasOlder(version) ? found.GetValueOrDefault(version.Key) : 0,
        });
    }

    public int Quarantined => _model.Evidence.Behaviours.Count(IsQuarantined);

    public bool IsQuarantined(BehaviourEvidence behaviour) => behaviour is { Quarantined: true, Learned: false } && !IsDecided(behaviour);

    /// <summary>Seen in this version alone, though an older one is known, and nobody has allowed or denied it.</summary>
    public bool IsNewIn(VersionEvidence version, BehaviourEvidence behaviour) =>
        HasOlder(version) && behaviour.Versions.Count == 1 && behaviour.Versions[0] == version.Key
            && _view.VersionsOf(behaviour).Count == 1 && !IsDecided(behaviour);

    /// <summary>The version of that name, or tag, or digest; else those of which one begins so.</summary>
    public List<VersionEvidence> Named(string text)
    {
        var exact = _versions.Where(version => Parts(version).Contains(text, StringComparer.Ordinal)).ToList();
        return exact.Count > 0
            ? exact
            : [.. _versions.Where(version => Parts(version).Any(part => part.StartsWith(text, StringComparison.Ordinal)))];
    }

    static IEnumerable<string> Parts(VersionEvidence version) => version.Version.Split('@').Append(version.Version);

    bool HasOlder(VersionEvidence version) => _versions.Exists(other => other.FirstSeenUnixNs < version.FirstSeenUnixNs);

    bool IsDecided(BehaviourEvidence behaviour) =>
        // In the versions it was seen in, by their hashes: what was said of one version decides of that one.
        _overrides.Exists(one => one.Version.Length == 0
            ? Overrides.Covers(one, behaviour, "", critical: false)
            : _versions.Exists(version => version.Version == one.Version && behaviour.Versions.Count == 1 && behaviour.Versions[0] == version.Key)
                && Overrides.Covers(one, behaviour, one.Version, critical: false));
}
