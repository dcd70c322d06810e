using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// What a model would say of behaviours that history kept by name, as if it were locked: known is what it learned, and what
/// a person allowed. A pattern it learned knows what it covers. One thread.
/// </summary>
sealed class CandidateBaseline
{
    readonly HashSet<(BehaviourClass, string)> _known = [];
    readonly Dictionary<(BehaviourClass, string), ulong> _keys = [];
    readonly EvidenceView _view;
    readonly List<Override> _overrides;

    public CandidateBaseline(Model model, long nowUnixNs)
    {
        _overrides = [.. (model.Policy?.Overrides ?? []).Where(one => !OverridePlan.IsOver(one, nowUnixNs))];
        var evidence = model.Evidence ?? new Evidence();
        _view = EvidenceView.Of(evidence);
        foreach (var behaviour in evidence.Behaviours)
        {
            var name = (behaviour.Class, BehaviourNames.Text(behaviour.Actor, behaviour.Object));
            _keys[name] = behaviour.Key;
            if (behaviour.Learned)
            {
                _known.Add(name);
            }
        }
    }

    /// <summary>What a person said holds whatever was learned, a deny before an allow.</summary>
    public CandidateVerdict Judge(BehaviourClass behaviourClass, string behaviour, string version)
    {
        var names = BehaviourNames.Of(behaviour).Select(name => new BehaviourEvidence
        {
            Class = behaviourClass,
            Actor = name.Actor,
            Object = name.Object,
            Key = _keys.GetValueOrDefault((behaviourClass, behaviour)),
        }).ToList();
        var said = _overrides.Where(one => names.Exists(name => Holds(one, name, version))).ToList();
        if (said.Exists(one => one.Kind == OverrideKind.Deny))
        {
            return CandidateVerdict.Denied;
        }
        var known = said.Count > 0 || _known.Contains((behaviourClass, behaviour))
            || names.Exists(name => _view.Covers(behaviourClass, name.Actor, name.Object));
        return known ? CandidateVerdict.Known : CandidateVerdict.New;
    }

    /// <summary>History keeps no keys: a behaviour the model has no evidence of is told by the names the override has.</summary>
    static bool Holds(Override one, BehaviourEvidence name, string version)
    {
        if (one.Scope == OverrideScope.Behaviour && name.Key == 0)
        {
            return one.Class == name.Class && (one.Version.Length == 0 || one.Version == version)
                && one.Actor == name.Actor && one.Object == name.Object;
        }
        return Overrides.Covers(one, name, version, critical: false);
    }
}

/// <summary>What a candidate says of one behaviour.</summary>
enum CandidateVerdict
{
    Known,
    New,
    Denied,
}
