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
    readonly Dictionary<(BehaviourClass Class, string Actor), List<Override>> _patterns = [];
    readonly List<Override> _overrides;

    public CandidateBaseline(Model model, long nowUnixNs)
    {
        _overrides = [.. (model.Policy?.Overrides ?? []).Where(one => !OverridePlan.IsOver(one, nowUnixNs))];
        foreach (var behaviour in model.Evidence?.Behaviours ?? [])
        {
            var name = (behaviour.Class, BehaviourNames.Text(behaviour.Actor, behaviour.Object));
            _keys[name] = behaviour.Key;
            if (!behaviour.Learned)
            {
                continue;
            }
            _known.Add(name);
            // Paths hold no star of their own: one in a learned object stands for what varies.
            if (behaviour.Object.Contains('*', StringComparison.Ordinal))
            {
                Patterns(behaviour.Class, behaviour.Actor).Add(new Override
                {
                    Kind = OverrideKind.Allow, Scope = OverrideScope.Pattern, Class = behaviour.Class, Actor = "*", Object = behaviour.Object,
                });
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
        var known = said.Count > 0 || _known.Contains((behaviourClass, behaviour)) || names.Exists(name =>
            _patterns.TryGetValue((behaviourClass, name.Actor), out var patterns) && patterns.Exists(one => Overrides.Covers(one, name, "", critical: false)));
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

    List<Override> Patterns(BehaviourClass behaviourClass, string actor)
    {
        if (!_patterns.TryGetValue((behaviourClass, actor), out var patterns))
        {
            _patterns.Add((behaviourClass, actor), patterns = []);
        }
        return patterns;
    }
}

/// <summary>What a candidate says of one behaviour.</summary>
enum CandidateVerdict
{
    Known,
    New,
    Denied,
}
