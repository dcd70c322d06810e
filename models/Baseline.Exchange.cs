using System.Diagnostics;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

public sealed partial class Baseline
{
    const int MostPerDelta = 1024;

    ulong _generation;
    bool _hasPolicy;

    /// <summary>Raised by a reset; evidence of older ones is refused.</summary>
    public ulong Generation => _generation;

    /// <summary>
    /// Takes the collector's word: merges evidence of the same generation, replaces it when the generation is higher,
    /// and takes the policy when its version is higher. Times in it are on the model's clock already. Evidence of another
    /// format or workload or an older generation is refused and counted.
    /// </summary>
    public void Apply(Model model) => Take(model, changed: false);

    /// <summary>The same for the local copy on disk: all of it counts as not yet sent, for it may not have been.</summary>
    public void Restore(Model model) => Take(model, changed: true);

    /// <summary>
    /// Evidence changed since the last acknowledged revision, or null when nothing changed; at most 1024 behaviours,
    /// the rest comes with the next.
    /// </summary>
    public Evidence? TakeDelta()
    {
        var delta = NewEvidence();
        var revision = _units.Revision;
        var full = false;
        foreach (var behaviour in _vocabulary.Values)
        {
            if (behaviour.ChangedAt == 0)
                continue;
            if (delta.Behaviours.Count == MostPerDelta)
            {
                full = true;
                break;
            }
            // Sent and not yet acknowledged is sent again: merging is idempotent.
            delta.Behaviours.Add(behaviour.ToEvidence());
            behaviour.ChangedAt = revision;
        }
        if (full)
            // Also what an earlier delta carried and nobody acknowledged: that revision's word would be taken for it.
            foreach (var behaviour in _vocabulary.Values.Where(b => b.ChangedAt > 0 && b.ChangedAt <= revision).Except(Sent(delta)))
                behaviour.ChangedAt = revision + 1;
        AddUnits(delta, onlyChanged: true);
        if (EvidenceMerge.IsEmpty(delta))
            return null;
        delta.Revision = revision;
        _units.Revision++;
        return delta;
    }

    /// <summary>The collector has merged everything up to this revision.</summary>
    public void Acknowledge(ulong generation, ulong revision)
    {
        if (generation != _generation)
            return;
        foreach (var behaviour in _vocabulary.Values)
            if (behaviour.ChangedAt <= revision)
                behaviour.ChangedAt = 0;
        _units.Acknowledge(revision);
        foreach (var container in _containers.Values)
            if (container.FeaturesAt <= revision)
                container.FeaturesAt = 0;
    }

    /// <summary>All evidence and policy, for the local copy on disk.</summary>
    public Model Snapshot()
    {
        var evidence = NewEvidence();
        evidence.Revision = _units.Revision;
        foreach (var behaviour in _vocabulary.Values)
            evidence.Behaviours.Add(behaviour.ToEvidence());
        AddUnits(evidence, onlyChanged: false);
        return new Model { Workload = evidence.Workload.Clone(), Policy = _policy.Clone(), Evidence = evidence };
    }

    void AddUnits(Evidence to, bool onlyChanged)
    {
        to.Classes.AddRange(_units.Classes.ToEvidence(onlyChanged));
        to.Versions.AddRange(_units.VersionsToEvidence(onlyChanged));
        to.Rates.AddRange(_units.Rates.ToEvidence(onlyChanged));
        foreach (var container in _containers.Values.OrderByDescending(c => c.LastEventNs).Take(EvidenceMerge.MostFeatures).OrderBy(c => c.Hash))
        {
            if (container.Features.Count == 0 || (onlyChanged && container.FeaturesAt == 0))
                continue;
            var features = new ContainerFeatures { Container = container.Hash, LastSeenUnixNs = container.FeaturesNs };
            features.Features.AddAll(container.Features.AsSpan());
            to.Features.Add(features);
        }
    }

    IEnumerable<Behaviour> Sent(Evidence delta) =>
        delta.Behaviours.Select(b => _vocabulary.TryGet(b.Key, out var sent) ? sent : throw new UnreachableException());

    Evidence NewEvidence() => new()
    {
        Workload = new Workload { Namespace = Workload.Namespace, Image = Workload.Image },
        Format = EvidenceFormat.Current,
        Generation = _generation,
    };

    void Take(Model model, bool changed)
    {
        if (model.Workload is { } workload && (workload.Namespace != Workload.Namespace || workload.Image != Workload.Image))
        {
            _evidenceRefused++;
            return;
        }
        var generation = Math.Max(model.Policy?.Generation ?? 0, model.Evidence?.Generation ?? 0);
        if (generation > _generation)
            Reset(generation);
        if (model.Policy is { } policy && policy.Generation == _generation
            && (!_hasPolicy || policy.Version > _policy.Version || policy.Generation > _policy.Generation))
            Obey(policy.Clone());
        if (model.Evidence is not { } evidence || EvidenceMerge.IsEmpty(evidence))
            return;
        evidence = EvidenceFormat.Upgrade(evidence);
        if (evidence.Generation != _generation || EvidenceMerge.Refuse(evidence) is not null)
        {
            _evidenceRefused++;
            return;
        }
        foreach (var c in evidence.Classes)
            _units.Classes.Merge(c, changed);
        foreach (var version in evidence.Versions)
            _units.Merge(version, changed);
        foreach (var rates in evidence.Rates)
            _units.Rates.Merge(rates, changed);
        Account();
        var learned = false;
        foreach (var behaviour in evidence.Behaviours)
            learned |= Take(behaviour, changed);
        if (learned)
            _vocabulary.LearnedAll(_units.Revision);
        _statisticsVersion = -1;
    }

    void Obey(Policy policy)
    {
        // What people say holds at once, for what was judged in the hour that runs too.
        if (!_policy.Overrides.Equals(policy.Overrides))
            _judged.Clear();
        (_policy, _hasPolicy) = (policy, true);
        _overrides = new Overrides(policy.Overrides);
        _roles = new RoleBook(policy.Roles);
        _statisticsVersion = -1; // states are others
        foreach (var own in policy.Classes)
            if (own.MetNs > 0 && EvidenceMerge.IsClass(own.Class))
                _units.Rates.StartWindow(own.Class, own.MetNs);
        // What was known may be denied now, and roles are others.
        _cache.Clear();
        foreach (var container in _containers.Values)
            container.RoleUntilNs = 0;
    }

    /// <summary>True when there is more that was learned, or it was seen in more units.</summary>
    bool Take(BehaviourEvidence evidence, bool changed)
    {
        if (!_vocabulary.TryGet(evidence.Key, out var mine))
        {
            if (!_vocabulary.MakeRoom(locked: true))
                return false;
            mine = _vocabulary.Add(evidence);
            _firstEventNs = Math.Min(_firstEventNs, mine.FirstSeenNs);
            mine.ChangedAt = changed ? _units.Revision : 0;
            return mine.Learned;
        }
        if (mine.Class != evidence.Class)
        {
            _evidenceRefused++;
            return false;
        }
        var (learned, units) = (mine.Learned, mine.Units.Count);
        if (mine.Absorb(evidence) && changed)
            mine.ChangedAt = _units.Revision;
        return mine.Learned && (!learned || (units <= 2 && units != mine.Units.Count));
    }

    void Reset(ulong generation)
    {
        _generation = generation;
        _vocabulary.Clear();
        _judged.Clear();
        _units.Reset();
        _grey.Clear();
        _statisticsVersion = -1;
    }
}
