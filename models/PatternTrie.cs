namespace RuntimeGuard.Models;

/// <summary>
/// Decides where names are open-ended. A group is one type of name (shape and extension, argument position, peers of a
/// prefix) below one node; it collapses by the Good–Turing test: at least 8 children of which half or more were seen in
/// one unit only, so that the next child is more likely new than not; or 64 children. A collapse is never undone.
/// </summary>
sealed class PatternTrie
{
    const int FewestChildren = 8;
    public const int MostChildren = 64;
    const double OpenEnded = 0.5;
    public const int ChildLimit = 20_000;

    readonly Dictionary<ulong, Group> _groups = [];
    int _children;

    /// <summary>Children that were not counted because the trie was full; their names stay literal.</summary>
    public long Refused { get; private set; }

    public int Children => _children;

    public bool IsCollapsed(ulong group) => _groups.TryGetValue(group, out var found) && found.Collapsed;

    /// <summary>Counts a child in a unit; true when this very child collapsed its group.</summary>
    /// <param name="most">So many children collapse the group whatever their incidence.</param>
    public bool Learn(ulong group, ulong child, ulong unit, int most = MostChildren)
    {
        if (!_groups.TryGetValue(group, out var found))
        {
            if (_children >= ChildLimit)
            {
                Refused++;
                return false;
            }
            _groups.Add(group, found = new Group());
        }
        if (found.Collapsed)
            return false;
        if (!found.Count(child, unit, _children < ChildLimit, out var added))
        {
            Refused++;
            return false;
        }
        if (!added)
            return false;
        _children++;
        if (found.Children < most && !IsOpenEnded(found.Children, found.SeenOnce))
            return false;
        Collapse(found);
        return true;
    }

    public void Collapse(ulong group)
    {
        if (!_groups.TryGetValue(group, out var found))
            _groups.Add(group, found = new Group());
        Collapse(found);
    }

    public void Clear()
    {
        _groups.Clear();
        _children = 0;
    }

    public static bool IsOpenEnded(int children, int seenOnce) =>
        (children >= FewestChildren && seenOnce >= OpenEnded * children) || children >= MostChildren;

    void Collapse(Group group)
    {
        _children -= group.Children;
        group.Collapse();
    }

    sealed class Group
    {
        List<Child>? _children = [];

        public bool Collapsed => _children is null;

        public int Children => _children?.Count ?? 0;

        public int SeenOnce { get; private set; }

        public void Collapse() => _children = null;

        /// <summary>False when there was no room for a new child.</summary>
        public bool Count(ulong name, ulong unit, bool room, out bool added)
        {
            added = false;
            var children = _children!;
            for (var i = 0; i < children.Count; i++)
            {
                if (children[i].Name != name)
                    continue;
                if (!children[i].Again && children[i].Unit != unit)
                {
                    children[i] = children[i] with { Again = true };
                    SeenOnce--;
                }
                return true;
            }
            if (!room)
                return false;
            children.Add(new Child(name, unit, false));
            SeenOnce++;
            return added = true;
        }
    }

    readonly record struct Child(ulong Name, ulong Unit, bool Again);
}
