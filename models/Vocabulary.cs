using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// The behaviours of one workload by key, what covers them, and the levels at which something is known. Evidence is kept of
/// literals and of hard patterns; views are derived from the names of what was learned (<c>Vocabulary.Patterns.cs</c>).
/// One thread at a time.
/// </summary>
sealed partial class Vocabulary
{
    /// <summary>
    /// Bound of a baseline: behaviours, texts, actors, views and names, and what its owner says it takes elsewhere. Where the
    /// others are large, fewer behaviours fit. A quarter of a megabyte below the 4 that are promised: tables grow by doubling.
    /// </summary>
    public const long MostBytes = (4 << 20) - (256 << 10);

    /// <summary>Evicted at once, so that a flood does not search for every event.</summary>
    const int Batch = Baseline.BehaviourLimit / 16;
    const int ActorBytes = 96; // a string and its slot beside its characters

    readonly BehaviourBudget _budget;
    readonly KnownCache _cache;
    readonly bool _noPatterns;
    readonly Dictionary<ulong, Behaviour> _behaviours = [];
    // An actor's text is held once, however many behaviours it has.
    readonly Dictionary<string, (string Text, int Users)> _actors = [];
    long _bytes;

    /// <param name="budget">Of the node; this vocabulary takes its share.</param>
    /// <param name="cache">Emptied whenever a behaviour goes.</param>
    public Vocabulary(BehaviourBudget budget, KnownCache cache, bool noPatterns = false) =>
        (_budget, _cache, _noPatterns) = (budget, cache, noPatterns);

    /// <summary>What evidence that was checked when it came knows; for looking at, by whoever has no budget.</summary>
    public static Vocabulary Of(Evidence evidence)
    {
        var made = new Vocabulary(new BehaviourBudget(int.MaxValue), new KnownCache());
        foreach (var behaviour in evidence.Behaviours)
            if (EvidenceMerge.IsClass(behaviour.Class) && !made._behaviours.ContainsKey(behaviour.Key))
                made.Add(behaviour);
        made.LearnedAll(0);
        return made;
    }

    public int Count => _behaviours.Count;

    public Dictionary<ulong, Behaviour>.ValueCollection Values => _behaviours.Values;

    /// <summary>What it takes by its own account, in bytes.</summary>
    public long Bytes => _bytes + (_views.Count * BehaviourView.FixedBytes) + Names.Bytes + Elsewhere;

    /// <summary>What the other tables of the baseline take, by their own account.</summary>
    public long Elsewhere { get; set; }

    public bool IsFull => Bytes >= MostBytes;

    /// <summary>Behaviours dropped for newer ones.</summary>
    public long Evicted { get; private set; }

    /// <summary>Behaviours not recorded: full of learned ones.</summary>
    public long Refused { get; private set; }

    public bool TryGet(ulong key, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Behaviour? behaviour) =>
        _behaviours.TryGetValue(key, out behaviour);

    /// <summary>A new behaviour; there must be room. Not learned yet, whatever its fields say: see <see cref="Learned"/>.</summary>
    public Behaviour Add(BehaviourClass behaviourClass, in LevelKeys levels, string actor, byte[] text, int mark)
    {
        var made = new Behaviour(behaviourClass, levels[0], Share(actor), text) { Mark = mark, Levels = levels };
        Keep(made);
        return made;
    }

    public Behaviour Add(BehaviourEvidence evidence)
    {
        var made = Behaviour.From(evidence, Share(evidence.Actor));
        Keep(made);
        return made;
    }

    /// <summary>Makes room for one more. What was learned goes only while learning, and then what was seen least.</summary>
    public bool MakeRoom(bool locked)
    {
        if (_behaviours.Count < Baseline.BehaviourLimit && !IsFull && !_budget.IsSpent)
            return true;
        var victims = _behaviours.Values.Where(b => !b.Learned).OrderBy(b => b.LastSeenNs).ThenBy(b => b.Key).Take(Batch).ToList();
        if (victims.Count == 0 && !locked)
            victims = [.. _behaviours.Values.Where(b => b.Units.Count <= 1).OrderBy(b => b.LastSeenNs).ThenBy(b => b.Key).Take(Batch)];
        if (victims.Count == 0)
        {
            Refused++;
            return false;
        }
        var learned = victims.Exists(v => v.Learned);
        foreach (var victim in victims)
            Remove(victim);
        Evicted += victims.Count;
        _cache.Clear();
        if (learned)
            Rebuild();
        return true;
    }

    /// <summary>Forgets all and gives its share of the budget back.</summary>
    public void Clear()
    {
        _budget.Take(-_behaviours.Count);
        _behaviours.Clear();
        _actors.Clear();
        _bytes = 0;
        Names.Clear();
        _views.Clear();
        KnownLevels.Clear();
        _cache.Clear();
    }

    void Keep(Behaviour behaviour)
    {
        _behaviours.Add(behaviour.Key, behaviour);
        _bytes += BytesOf(behaviour);
        _budget.Take(1);
    }

    void Remove(Behaviour behaviour)
    {
        _behaviours.Remove(behaviour.Key);
        _bytes -= BytesOf(behaviour);
        _budget.Take(-1);
        Leave(behaviour);
        var (text, users) = _actors[behaviour.Actor];
        if (users > 1)
        {
            _actors[behaviour.Actor] = (text, users - 1);
            return;
        }
        _actors.Remove(text);
        _bytes -= ActorBytes + (2 * text.Length);
    }

    string Share(string actor)
    {
        ref var shared = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_actors, actor, out var known);
        if (!known)
        {
            shared.Text = actor;
            _bytes += ActorBytes + (2 * actor.Length);
        }
        shared.Users++;
        return shared.Text;
    }

    static int BytesOf(Behaviour behaviour) => Behaviour.FixedBytes + behaviour.Text.Length;
}
