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
        foreach (var behaviour in _behaviours.Values)
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
            foreach (var behaviour in _behaviours.Values.Where(b => b.ChangedAt == revision).Except(Sent(delta)))
                behaviour.ChangedAt = revision + 1;
        delta.Classes.AddRange(_units.ToEvidence(onlyChanged: true));
        if (delta.Behaviours.Count == 0 && delta.Classes.Count == 0)
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
        foreach (var behaviour in _behaviours.Values)
            if (behaviour.ChangedAt <= revision)
                behaviour.ChangedAt = 0;
        _units.Acknowledge(revision);
    }

    /// <summary>All evidence and policy, for the local copy on disk.</summary>
    public Model Snapshot()
    {
        var evidence = NewEvidence();
        evidence.Revision = _units.Revision;
        foreach (var behaviour in _behaviours.Values)
            evidence.Behaviours.Add(behaviour.ToEvidence());
        evidence.Classes.AddRange(_units.ToEvidence(onlyChanged: false));
        return new Model { Workload = evidence.Workload.Clone(), Policy = _policy.Clone(), Evidence = evidence };
    }

    IEnumerable<Behaviour> Sent(Evidence delta) => delta.Behaviours.Select(b => _behaviours[b.Key]);

    Evidence NewEvidence() => new()
    {
        Workload = new Workload { Namespace = Workload.Namespace, Image = Workload.Image },
        Format = EvidenceMerge.Format,
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
            (_policy, _hasPolicy) = (policy.Clone(), true);
        if (model.Evidence is not { } evidence || evidence is { Behaviours.Count: 0, Classes.Count: 0 })
            return;
        if (evidence.Generation != _generation || EvidenceMerge.Refuse(evidence) is not null)
        {
            _evidenceRefused++;
            return;
        }
        foreach (var c in evidence.Classes)
            _units.Merge(c, changed);
        var collapsed = 0;
        foreach (var behaviour in evidence.Behaviours)
            collapsed |= Take(behaviour, changed) ? 1 << (int)behaviour.Class : 0;
        for (var c = 1; c < ContainerUnits.ClassCount; c++)
            if ((collapsed & (1 << c)) != 0)
                Cover((BehaviourClass)c, "");
        _statisticsVersion = -1;
    }

    /// <summary>True when its names collapsed a group.</summary>
    bool Take(BehaviourEvidence evidence, bool changed)
    {
        if (!_behaviours.TryGetValue(evidence.Key, out var mine))
        {
            if (!MakeRoom(locked: true))
                return false;
            Keep(mine = Behaviour.From(evidence));
            _firstEventNs = Math.Min(_firstEventNs, mine.FirstSeenNs);
            mine.ChangedAt = changed ? _units.Revision : 0;
        }
        else if (mine.Class != evidence.Class)
        {
            _evidenceRefused++;
            return false;
        }
        else if (mine.Absorb(evidence) && changed)
            mine.ChangedAt = _units.Revision;
        if (!mine.Learned)
            return false;
        AddLevels(mine);
        if (_options.NoGeneralisation || !TryBytes(mine, out var text))
            return false;
        var scratch = new ByteWriter(stackalloc byte[4 * LongestText]);
        var collapsed = false;
        // Two units tell "once" from "again"; a behaviour without units is learned from excluded ones.
        var units = mine.Units.AsSpan();
        for (var i = 0; i < Math.Clamp(units.Length, 1, 2); i++)
        {
            collapsed |= _generaliser.Learn(mine.Class, text, units.IsEmpty ? 0 : units[i], ref scratch) >= 0;
            scratch.Length = 0;
        }
        return collapsed;
    }

    void Reset(ulong generation)
    {
        _generation = generation;
        _budget.Take(-_behaviours.Count);
        _behaviours.Clear();
        _knownLevels.Clear();
        _cache.Clear();
        _judged.Clear();
        _generaliser.Clear();
        _units = new ClassUnits { Revision = _units.Revision };
        _statisticsVersion = -1;
    }
}
