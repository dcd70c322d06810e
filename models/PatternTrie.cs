namespace RuntimeGuard.Models;

/// <summary>
/// Counts names by group and says which groups are open-ended. A group is one type of name (shape and extension, argument
/// position, peers of a prefix) below one node. It is <em>open</em> while at least 8 names are known of which half or more
/// were seen in one unit only, so that the next is more likely new than not: a view, which ends when they recur. It is
/// <em>hard</em> from 64 names on, or from 8 when what lies below them is 128 texts and more, no name counting for more
/// than 8: that only grows with evidence, so it is the same in whatever order evidence came.
/// <para>Adding is idempotent. Nothing is removed but by <see cref="Clear"/>. One thread at a time.</para>
/// </summary>
sealed class PatternTrie
{
    const int FewestChildren = 8;
    public const int MostChildren = 64;
    const double OpenEnded = 0.5;

    /// <summary>What one child can weigh, and what makes its group hard: products of names are bounded by it.</summary>
    const int MostBelow = 8;
    const int HeavyGroup = 128;

    /// <summary>Children in all groups; 256 KB each for children and groups. Beyond it names are not counted and stay literal.</summary>
    public const int ChildLimit = 12_288;

    readonly KeyTable<Group> _groups = new();
    readonly KeyTable<Child> _children = new();

    /// <summary>Children that were not counted because the trie was full.</summary>
    public long Refused { get; private set; }

    public int Children => _children.Count;

    public long Bytes => 16L * (_groups.Slots + _children.Slots);

    public bool IsHard(ulong group) => _groups.IndexOf(group) is >= 0 and var at && _groups[at].Hard;

    /// <summary>Hard, or open as far as is known.</summary>
    public bool IsCollapsed(ulong group) => _groups.IndexOf(group) is >= 0 and var at && _groups[at].IsCollapsed;

    /// <summary>A text said so, or it has become so. True when it was not.</summary>
    public bool Harden(ulong group)
    {
        var at = _groups.IndexOf(group);
        if (at >= 0 && _groups[at].Hard)
            return false;
        if (at < 0 && !HasRoom())
        {
            Refused++;
            return false;
        }
        _groups[_groups.Add(group, out _)].Hard = true;
        return true;
    }

    /// <summary>Counts a child in a unit, or in more than one.</summary>
    /// <param name="most">So many children collapse the group whatever their incidence.</param>
    public Counted Count(ulong group, ulong child, ulong unit, bool again, int most)
    {
        if (!HasRoom() && (_groups.IndexOf(group) < 0 || _children.IndexOf(KeyHash.Mix(group, child)) < 0))
        {
            Refused++;
            return default;
        }
        ref var found = ref _groups[_groups.Add(group, out _)];
        var was = found.IsCollapsed;
        found.Most = (byte)most;
        // Full is collapsed whatever else comes: a pooled group of a view need not hold more.
        if (most > 0 && found.Children >= most && _children.IndexOf(KeyHash.Mix(group, child)) < 0)
            return new Counted(false, false);
        ref var known = ref _children[_children.Add(KeyHash.Mix(group, child), out var added)];
        if (added)
        {
            known = new Child(unit);
            found.Children++;
            found.SeenOnce++;
        }
        if (known.SeeAgain(unit, again))
            found.SeenOnce--;
        return new Counted(added, was != found.IsCollapsed);
    }

    /// <summary>A text below the child is new, or is of a pattern and stands for many.</summary>
    public void Weigh(ulong group, ulong child, bool pattern)
    {
        var at = _children.IndexOf(KeyHash.Mix(group, child));
        if (at >= 0)
            _groups[_groups.IndexOf(group)].Below += (ushort)_children[at].Weigh(pattern);
    }

    /// <summary>Is it, by what was counted, hard and not yet called so?</summary>
    public bool IsRipe(ulong group) => _groups.IndexOf(group) is >= 0 and var at && _groups[at] is { Hard: false } found
        && (found.Children >= found.Most || (found.Children >= FewestChildren && found.Below >= HeavyGroup));

    public void Clear()
    {
        _groups.Clear();
        _children.Clear();
    }

    public static bool IsOpenEnded(int children, int seenOnce) =>
        (children >= FewestChildren && seenOnce >= OpenEnded * children) || children >= MostChildren;

    bool HasRoom() => _children.Count < ChildLimit && _groups.Count < ChildLimit;

    /// <param name="IsNew">The name was not there.</param>
    /// <param name="Turned">The group has become open, or is open no more.</param>
    public readonly record struct Counted(bool IsNew, bool Turned);

    struct Group
    {
        public ushort Children, SeenOnce, Below;
        public byte Most;
        public bool Hard;

        public readonly bool IsCollapsed => Hard || IsOpenEnded(Children, SeenOnce) || (Most > 0 && Children >= Most);
    }

    /// <summary>The unit it was seen in, without its lowest byte: that holds the weight and whether it was seen in another.</summary>
    struct Child(ulong unit)
    {
        const ulong Again = 0x10;
        const ulong Weight = 0x0F;

        ulong _state = unit & ~0xFFul;

        /// <summary>True when it was in one unit until now.</summary>
        public bool SeeAgain(ulong unit, bool again)
        {
            if ((_state & Again) != 0 || (!again && (unit & ~0xFFul) == (_state & ~0xFFul)))
                return false;
            _state |= Again;
            return true;
        }

        /// <summary>How much it weighs more.</summary>
        public int Weigh(bool pattern)
        {
            var weight = (int)(_state & Weight);
            var more = Math.Min(pattern ? MostBelow : 1, MostBelow - weight);
            _state += (ulong)more;
            return more;
        }
    }
}
