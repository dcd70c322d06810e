using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

sealed partial class Vocabulary
{
    /// <summary>Deeper than paths are; what turns further down than that is seen at the next change.</summary>
    const int MostPasses = 64;

    readonly Dictionary<ulong, BehaviourView> _views = [];

    /// <summary>The names of all that was learned.</summary>
    public Generaliser Names { get; } = new();

    /// <summary>Levels 1 to 3 of all that was learned, as seen. Keys of past views stay: nothing asks for them.</summary>
    public KeyTable<byte> KnownLevels { get; } = new();

    /// <summary>
    /// The behaviour was learned, or was seen in another unit since: its names count, groups may open, end or become hard, and
    /// what covers it and others follows.
    /// </summary>
    /// <param name="revision">The delta that patterns belong to which others are folded into by it.</param>
    /// <returns>The behaviour, or the pattern it is folded into.</returns>
    public Behaviour Learned(Behaviour behaviour, ulong revision)
    {
        if (_noPatterns || !behaviour.IsPartOfPatterns)
        {
            AddLevels(behaviour);
            return behaviour;
        }
        var growth = CountNames(behaviour);
        if (growth.Hardened)
            Fold(revision);
        else if (growth.Turned is { } turned)
            Turn(behaviour.Class, behaviour.Text[turned], revision);
        else
            See(behaviour);
        return growth.Hardened ? Holding(behaviour) : behaviour;
    }

    Behaviour Holding(Behaviour behaviour)
    {
        var to = new ByteWriter(stackalloc byte[4 * Baseline.LongestText]);
        Names.Identify(behaviour.Class, behaviour.Text, ref to);
        var key = BehaviourLevels.Key(behaviour.Class, KeyHash.Of(behaviour.Actor), to.Written, secret: false);
        return TryGet(key, out var pattern) ? pattern : behaviour;
    }

    /// <summary>All of them were learned elsewhere: the same at once.</summary>
    public void LearnedAll(ulong revision)
    {
        if (Rebuild())
            Fold(revision);
    }

    /// <summary>A learned behaviour of the same actor that the candidate's pattern covers too; null when there is none.</summary>
    public Behaviour? Covering(in Candidate candidate, ReadOnlySpan<byte> pattern, string actor)
    {
        if (!candidate.IsCovered || !_views.TryGetValue(candidate.View[0], out var view))
            return null;
        view.One ??= _behaviours.Values.FirstOrDefault(b => ReferenceEquals(b.View, view));
        if (view.One is not { } one || one.Class != candidate.Class || one.Actor != actor)
            return null;
        var to = new ByteWriter(stackalloc byte[4 * Baseline.LongestText]);
        Names.Generalise(one.Class, one.Text, ref to);
        return to.Written.SequenceEqual(pattern) ? one : null;
    }

    Generaliser.Growth CountNames(Behaviour behaviour)
    {
        // Two units tell "once" from "again"; a behaviour without units was learned in one that is excluded.
        var units = behaviour.Units.AsSpan();
        return Names.Learn(behaviour.Class, behaviour.Text, units.IsEmpty ? 0 : units[0], units.Length > 1);
    }

    /// <summary>
    /// A group opened or ended: what lies below it goes another way, where names have to be counted that were not. Until
    /// nothing turns any more, from the top down.
    /// </summary>
    void Turn(BehaviourClass behaviourClass, ReadOnlySpan<byte> common, ulong revision)
    {
        var again = true;
        for (var pass = 0; again && pass < MostPasses; pass++)
        {
            again = false;
            foreach (var behaviour in _behaviours.Values)
            {
                if (behaviour.Class != behaviourClass || !behaviour.IsPartOfPatterns || behaviour.Text.IndexOf(common) < 0)
                    continue;
                var growth = CountNames(behaviour);
                if (growth.Hardened)
                {
                    Fold(revision);
                    return;
                }
                again |= growth.Turned is not null;
            }
        }
        foreach (var behaviour in _behaviours.Values)
            if (behaviour.Class == behaviourClass && behaviour.IsPartOfPatterns && behaviour.Text.IndexOf(common) >= 0)
                See(behaviour);
    }

    /// <summary>
    /// What is of a hard pattern is folded into it: the pattern has the union of their evidence. A closure, so the order in
    /// which names came decides nothing.
    /// </summary>
    void Fold(ulong revision)
    {
        Span<byte> buffer = stackalloc byte[4 * Baseline.LongestText];
        do
        {
            // What is not learned follows what is: its pattern knows it, whichever of the two came first.
            foreach (var behaviour in _behaviours.Values.Where(b => b.IsFoldable).OrderByDescending(b => b.Learned).ToList())
            {
                var to = new ByteWriter(buffer);
                Names.Identify(behaviour.Class, behaviour.Text, ref to);
                if (to.Overflowed || to.Written.SequenceEqual(behaviour.Text))
                    continue;
                var levels = BehaviourLevels.Of(behaviour.Class, behaviour.Actor, to.Written, behaviour.Levels);
                if (!TryGet(levels[0], out var pattern) && !behaviour.Learned || pattern is { Learned: false } && !behaviour.Learned)
                    continue;
                Remove(behaviour);
                behaviour.Levels = levels;
                if (pattern is null)
                    pattern = Add(behaviour.Class, behaviour.Levels, behaviour.Actor, to.Written.ToArray(), behaviour.Mark);
                pattern.Absorb(behaviour);
                pattern.ChangedAt = revision;
            }
        }
        while (Rebuild());
        _cache.Clear();
    }

    /// <summary>All that is derived, anew; true when something became hard by it, and it is to be folded first.</summary>
    bool Rebuild()
    {
        Names.Clear();
        KnownLevels.Clear();
        var again = !_noPatterns;
        for (var pass = 0; again && pass < MostPasses; pass++)
        {
            again = false;
            var hardened = false;
            foreach (var behaviour in _behaviours.Values)
            {
                if (!behaviour.IsPartOfPatterns)
                    continue;
                var growth = CountNames(behaviour);
                hardened |= growth.Hardened;
                again |= growth.Turned is not null;
            }
            if (hardened && IsAnyUnfolded())
                return true;
            again |= hardened;
        }
        foreach (var behaviour in _behaviours.Values)
            if (behaviour.Learned)
                See(behaviour);
        return false;
    }

    /// <summary>Patterns tell the trie what is hard when they are counted: that folds nothing by itself.</summary>
    bool IsAnyUnfolded()
    {
        var to = new ByteWriter(stackalloc byte[4 * Baseline.LongestText]);
        foreach (var behaviour in _behaviours.Values)
        {
            if (!behaviour.IsPartOfPatterns)
                continue;
            to.Length = 0;
            Names.Identify(behaviour.Class, behaviour.Text, ref to);
            if (!to.Written.SequenceEqual(behaviour.Text))
                return true;
        }
        return false;
    }

    /// <summary>Finds what covers a learned behaviour now.</summary>
    void See(Behaviour behaviour)
    {
        if (!_noPatterns && behaviour.IsPartOfPatterns)
        {
            var to = new ByteWriter(stackalloc byte[4 * Baseline.LongestText]);
            Names.Generalise(behaviour.Class, behaviour.Text, ref to);
            if (to.Overflowed || to.Written.SequenceEqual(behaviour.Text))
                Leave(behaviour);
            else
                Join(behaviour, BehaviourLevels.Of(behaviour.Class, behaviour.Actor, to.Written, behaviour.Levels));
        }
        AddLevels(behaviour);
    }

    void Join(Behaviour behaviour, in LevelKeys levels)
    {
        if (behaviour.View is { } old && old.Levels[0] == levels[0])
            return;
        Leave(behaviour);
        if (!_views.TryGetValue(levels[0], out var view))
            _views.Add(levels[0], view = new BehaviourView(levels));
        view.One ??= behaviour;
        view.Members++;
        behaviour.View = view;
    }

    void Leave(Behaviour behaviour)
    {
        if (behaviour.View is not { } view)
            return;
        behaviour.View = null;
        if (ReferenceEquals(view.One, behaviour))
            view.One = null;
        if (--view.Members == 0)
            _views.Remove(view.Levels[0]);
    }

    void AddLevels(Behaviour behaviour)
    {
        for (var level = 1; level < LevelKeys.Count; level++)
            KnownLevels.Add(behaviour.Seen[level], out _);
    }
}
