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

    static ReadOnlySpan<double> Thresholds => [.3, .4, .5, .6, .7];

    /// <summary>The roles, largest first; none when all containers are alike.</summary>
    public static IReadOnlyList<Role> Learn(IReadOnlyCollection<ContainerFeatures> containers)
    {
        var support = new Dictionary<ulong, int>();
        foreach (var feature in containers.SelectMany(c => c.Features.Distinct()))
            support[feature] = support.GetValueOrDefault(feature) + 1;
        var sets = containers.OrderBy(c => c.Container)
            .Select(c => c.Features.Where(f => support[f] >= FewestSupport).ToHashSet()).Where(s => s.Count > 0).ToList();
        if (sets.Count < 2 * FewestContainers)
            return [];
        var features = support.Where(s => s.Value >= FewestSupport).Select(s => s.Key).Order().ToList();
        var (best, bits) = (new List<List<int>> { Enumerable.Range(0, sets.Count).ToList() }, double.PositiveInfinity);
        bits = CodeLength(best, sets, features);
        foreach (var threshold in Thresholds)
        {
            var clusters = Cluster(sets, threshold);
            if (clusters.Count < 2 || clusters.Count > Math.Min(MostRoles, sets.Count / FewestContainers)
                || clusters.Exists(c => c.Count < FewestContainers))
                continue;
            var length = CodeLength(clusters, sets, features);
            if (length < bits)
                (best, bits) = (clusters, length);
        }
        return best.Count < 2 ? [] : [.. best.OrderByDescending(c => c.Count).ThenBy(c => c[0]).Select((c, i) => RoleOf(c, i, sets, features))];
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

    /// <summary>Average linkage until no two clusters are nearer than the threshold.</summary>
    static List<List<int>> Cluster(List<HashSet<ulong>> sets, double threshold)
    {
        var clusters = Enumerable.Range(0, sets.Count).Select(i => new List<int> { i }).ToList();
        var distance = new double[sets.Count, sets.Count];
        for (var i = 0; i < sets.Count; i++)
            for (var j = 0; j < i; j++)
                distance[i, j] = distance[j, i] = Distance(sets[i], sets[j]);
        while (clusters.Count > 1)
        {
            var (a, b, nearest) = (0, 0, double.PositiveInfinity);
            for (var i = 0; i < clusters.Count; i++)
                for (var j = 0; j < i; j++)
                {
                    var between = Average(clusters[i], clusters[j], distance);
                    if (between < nearest)
                        (a, b, nearest) = (j, i, between);
                }
            if (nearest > threshold)
                break;
            clusters[a].AddRange(clusters[b]);
            clusters.RemoveAt(b);
        }
        foreach (var cluster in clusters)
            cluster.Sort();
        return clusters;
    }

    static double Average(List<int> a, List<int> b, double[,] distance)
    {
        var sum = 0.0;
        foreach (var i in a)
            foreach (var j in b)
                sum += distance[i, j];
        return sum / (a.Count * b.Count);
    }

    static double Distance(HashSet<ulong> a, HashSet<ulong> b)
    {
        var both = a.Count(b.Contains);
        return 1 - (both / (double)Math.Max(1, a.Count + b.Count - both));
    }

    static Role RoleOf(List<int> cluster, int index, List<HashSet<ulong>> sets, List<ulong> features)
    {
        var role = new Role { Name = $"role-{(char)('a' + index)}", Containers = (uint)cluster.Count };
        role.Core.AddRange(features.Where(f => 2 * cluster.Count(i => sets[i].Contains(f)) >= cluster.Count));
        role.Known.AddRange(features.Where(f => cluster.Exists(i => sets[i].Contains(f))));
        return role;
    }
}
