namespace RuntimeGuard.Models;

/// <summary>Average-linkage clusters of sets by Jaccard distance, and how far two clusterings agree. Pure.</summary>
static class RoleClusters
{
    /// <summary>
    /// The clusters at each threshold, ascending: merged until no two are nearer than it. Sums of distances are kept per pair
    /// of clusters, so that one run of n merges serves all thresholds.
    /// </summary>
    public static List<List<List<int>>> At(List<HashSet<ulong>> sets, ReadOnlySpan<double> thresholds)
    {
        var clusters = Enumerable.Range(0, sets.Count).Select(i => new List<int> { i }).ToList();
        var sums = clusters.Select(a => clusters.Select(b => Distance(sets[a[0]], sets[b[0]])).ToList()).ToList();
        var found = new List<List<List<int>>>();
        foreach (var threshold in thresholds)
        {
            while (Nearest(clusters, sums) is { } pair && pair.Distance <= threshold)
                Join(clusters, sums, pair.A, pair.B);
            found.Add([.. clusters.Select(cluster => cluster.Order().ToList())]);
        }
        return found;
    }

    /// <summary>1 - |A and B| / |A or B|.</summary>
    public static double Distance(HashSet<ulong> a, HashSet<ulong> b)
    {
        var both = a.Count <= b.Count ? a.Count(b.Contains) : b.Count(a.Contains);
        return 1 - (both / (double)Math.Max(1, a.Count + b.Count - both));
    }

    /// <summary>The Rand index of two partitions of n, corrected for chance: 1 alike, 0 as by chance (Hubert and Arabie 1985).</summary>
    public static double AdjustedRand(List<List<int>> a, List<List<int>> b, int n)
    {
        var both = a.Sum(one => b.Sum(other => Pairs(one.Intersect(other).Count())));
        var (ofA, ofB) = (a.Sum(c => Pairs(c.Count)), b.Sum(c => Pairs(c.Count)));
        var expected = ofA * ofB / Pairs(n);
        var most = (ofA + ofB) / 2;
        return most == expected ? 1 : (both - expected) / (most - expected);
    }

    static double Pairs(int n) => n * (n - 1) / 2.0;

    static (int A, int B, double Distance)? Nearest(List<List<int>> clusters, List<List<double>> sums)
    {
        (int, int, double Distance)? nearest = null;
        for (var i = 1; i < clusters.Count; i++)
            for (var j = 0; j < i; j++)
            {
                var distance = sums[i][j] / (clusters[i].Count * clusters[j].Count);
                if (nearest is not { } least || distance < least.Distance)
                    nearest = (j, i, distance);
            }
        return nearest;
    }

    static void Join(List<List<int>> clusters, List<List<double>> sums, int a, int b)
    {
        clusters[a].AddRange(clusters[b]);
        for (var i = 0; i < clusters.Count; i++)
        {
            sums[a][i] += sums[b][i];
            sums[i][a] += sums[i][b];
        }
        clusters.RemoveAt(b);
        sums.RemoveAt(b);
        foreach (var row in sums)
            row.RemoveAt(b);
    }
}
