using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// The roles of a workload, as its policy names them, and whose a container is: the leader rule, Jaccard 1/2 or more to the
/// core, else none. Immutable.
/// </summary>
sealed class RoleBook
{
    const double Alike = 0.5;

    /// <summary>A container that has shown less is not told from others.</summary>
    const int FewestFeatures = 4;

    readonly (Role Role, HashSet<ulong> Core, HashSet<ulong> Known)[] _roles;

    public RoleBook(IEnumerable<Role> roles) => _roles = [.. roles.Select(r => (r, r.Core.ToHashSet(), r.Known.ToHashSet()))];

    public int Count => _roles.Length;

    public Role? Assign(ReadOnlySpan<ulong> features)
    {
        if (features.Length < FewestFeatures)
            return null;
        var (best, nearest) = (Alike, (Role?)null);
        foreach (var (role, core, _) in _roles)
        {
            var (all, both) = (0, 0);
            foreach (var feature in features)
            {
                if (!Tells(role, feature))
                    continue;
                all++;
                both += core.Contains(feature) ? 1 : 0;
            }
            var alike = both / (double)Math.Max(1, all + core.Count - both);
            if (alike >= best)
                (best, nearest) = (alike, role);
        }
        return nearest;
    }

    /// <summary>Some container of the role has shown this feature, or what is kept of them cannot tell; 0 is none.</summary>
    public bool Knows(Role role, ulong feature)
    {
        if (feature == 0 || !Tells(role, feature))
            return true;
        foreach (var (one, _, known) in _roles)
            if (ReferenceEquals(one, role))
                return known.Contains(feature);
        return true;
    }

    static bool Tells(Role role, ulong feature) => role.UpTo == 0 || feature <= role.UpTo;

    /// <summary>What of a behaviour tells roles apart: programs, peers and ports by name, files by their directory; 0: nothing.</summary>
    public static ulong FeatureOf(BehaviourClass behaviourClass, in LevelKeys levels) => behaviourClass switch
    {
        BehaviourClass.Exec or BehaviourClass.NetOut or BehaviourClass.NetIn => levels[1],
        BehaviourClass.FileWrite => levels[2],
        _ => 0,
    };
}
