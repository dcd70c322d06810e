using MathNet.Numerics;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Finds containers of one workload that behave in different ways: average-linkage clustering of their feature sets by Jaccard
/// distance, accepted when the Krichevsky–Trofimov code of the features given the clusters is shorter than that of one. Pure.
/// </summary>
public static class RoleLearner
{
    const int MostRoles = 4;

    /// <summary>A role from fewer would let an intruded container found its own.</summary>
    const int FewestContainers = 3;

    /// <summary>Features that one container alone has say nothing of roles.</summary>
    const int FewestSupport = 2;

    /// <summary>So much must the clusterings by either half of the features agree with that by all.</summary>
    const double Agreement = 0.8;

    static ReadOnlySpan<double> Thresholds => [.3, .4, .5, .6, .7];

    /// <summary>The roles as they are now; none when all containers are alike.</summary>
    public static RoleSplit Learn(IReadOnlyCollection<ContainerFeatures> containers)
    {
        // A full sketch tells nothing of what is larger than its largest; what all can be asked for is compared.
        var upTo = containers.Where(c => c.Features.Count >= BottomK.Features).Select(c => c.Features.Max()).DefaultIfEmpty().Min();
        if (upTo > 0)
            containers = [.. containers.Select(c => Below(c, upTo))];
        var support = new Dictionary<ulong, int>();
        foreach (var feature in containers.SelectMany(c => c.Features.Distinct()))
            support[feature] = support.GetValueOrDefault(feature) + 1;
        var sets = containers.OrderBy(c => c.Container)
            .Select(c => c.Features.Where(f => support[f] >= FewestSupport).ToHashSet()).Where(s => s.Count > 0).ToList();
        if (sets.Count < 2 * FewestContainers)
            return RoleSplit.None;
        var features = support.Where(s => s.Value >= FewestSupport).Select(s => s.Key).Order().ToList();
        var best = Split(sets, features);
        if (best.Count < 2)
            return RoleSplit.None;
        var isStable = Enumerable.Range(0, 2).All(half =>
            RoleClusters.AdjustedRand(Half(sets, features, half), best, sets.Count) >= Agreement);
        return new RoleSplit([.. best.OrderByDescending(c => c.Count).ThenBy(c => c[0]).Select((c, i) => RoleOf(c, i, sets, features, upTo))], isStable);
    }

    static ContainerFeatures Below(ContainerFeatures container, ulong upTo) =>
        new() { Container = container.Container, LastSeenUnixNs = container.LastSeenUnixNs, Features = { container.Features.Where(f => f <= upTo) } };

    /// <summary>Roles found anew, under the names of those that had more than half of their core in common; a name once used is not another's.</summary>
    public static IReadOnlyList<Role> Renamed(IReadOnlyCollection<Role> before, IReadOnlyList<Role> found)
    {
        var renamed = found.Select(role => role.Clone()).ToList();
        var free = before.ToList();
        foreach (var role in renamed)
        {
            var same = free.MinBy(old => RoleClusters.Distance(old.Core.ToHashSet(), role.Core.ToHashSet()));
            role.Name = "";
            if (same is null || RoleClusters.Distance(same.Core.ToHashSet(), role.Core.ToHashSet()) >= 0.5)
                continue;
            role.Name = same.Name;
            free.Remove(same);
        }
        var taken = before.Select(old => old.Name).ToHashSet();
        var names = Enumerable.Range(0, 26).Select(NameOf).Where(name => !taken.Contains(name)).GetEnumerator();
        foreach (var role in renamed.Where(role => role.Name.Length == 0))
            role.Name = names.MoveNext() ? names.Current : "role";
        return renamed;
    }

    static List<List<int>> Half(List<HashSet<ulong>> sets, List<ulong> features, int half)
    {
        var some = features.Where((_, i) => i % 2 == half).ToHashSet();
        return Split([.. sets.Select(set => set.Where(some.Contains).ToHashSet())], [.. some.Order()]);
    }

    static List<List<int>> Split(List<HashSet<ulong>> sets, List<ulong> features)
    {
        List<List<int>> best = [[.. Enumerable.Range(0, sets.Count)]];
        var bits = CodeLength(best, sets, features);
        foreach (var clusters in RoleClusters.At(sets, Thresholds))
        {
            if (clusters.Count < 2 || clusters.Count > Math.Min(MostRoles, sets.Count / FewestContainers)
                || clusters.Exists(c => c.Count < FewestContainers))
                continue;
            var length = CodeLength(clusters, sets, features);
            if (length < bits)
                (best, bits) = (clusters, length);
        }
        return best;
    }

    /// <summary>L = sum over clusters and features of -log2 B(k + 1/2, n - k + 1/2)/B(1/2, 1/2), and n log2 k for who is where.</summary>
    static double CodeLength(List<List<int>> clusters, List<HashSet<ulong>> sets, List<ulong> features)
    {
        var bits = sets.Count * Math.Log2(clusters.Count);
        foreach (var cluster in clusters)
            foreach (var feature in features)
            {
                var k = cluster.Count(i => sets[i].Contains(feature));
                bits -= (SpecialFunctions.BetaLn(k + 0.5, cluster.Count - k + 0.5) - SpecialFunctions.BetaLn(0.5, 0.5)) / Math.Log(2);
            }
        return bits;
    }

    static Role RoleOf(List<int> cluster, int index, List<HashSet<ulong>> sets, List<ulong> features, ulong upTo)
    {
        var role = new Role { Name = NameOf(index), Containers = (uint)cluster.Count, UpTo = upTo };
        role.Core.AddRange(features.Where(f => 2 * cluster.Count(i => sets[i].Contains(f)) >= cluster.Count));
        role.Known.AddRange(features.Where(f => cluster.Exists(i => sets[i].Contains(f))));
        return role;
    }

    static string NameOf(int index) => $"role-{(char)('a' + index)}";
}

/// <param name="Roles">The largest first.</param>
/// <param name="IsStable">Each half of the features finds the same: what is not is not to be relied on.</param>
public sealed record RoleSplit(IReadOnlyList<Role> Roles, bool IsStable)
{
    public static readonly RoleSplit None = new([], true);
}
