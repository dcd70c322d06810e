namespace RuntimeGuard.Models;

/// <summary>
/// Surprise of a novelty in bits, by interpolated Kneser–Ney smoothing (a Pitman–Yor process with one table a type):
/// P(x) = (max(c_x - d, 0) + (theta + d t) P_parent(x)) / (n + theta), from its actor to its class to a base that pays for
/// each new part of the name. Counts are incidences. It orders and explains; it does not decide.
/// </summary>
static class BackOff
{
    const double Theta = 0.5;
    const double NewDirectoryBits = 8;
    const double NewNameBits = 6;

    /// <summary>Weight of a novelty already scored in this container: its siblings are cheaper than it was.</summary>
    const int ScoredWeight = 4;

    public static double Bits(IEnumerable<Behaviour> behaviours, ContainerUnits container, in Candidate candidate, string actor, int level)
    {
        Counts own = default, all = default;
        foreach (var behaviour in behaviours)
        {
            if (!behaviour.Learned || behaviour.Class != candidate.Class)
                continue;
            if (behaviour.View is { } view && !ReferenceEquals(view.One, behaviour))
                continue; // its pattern is one type, counted by one that it covers
            all.Add(behaviour.Units.Count);
            if (behaviour.Actor == actor)
                own.Add(behaviour.Units.Count);
        }
        var scored = container.TimesScored(candidate);
        var known = scored > 0 ? Math.Min(level, 1) : level;
        var start = Math.Pow(2, -((NewDirectoryBits * Math.Max(0, known - 1)) + NewNameBits));
        var byClass = Probability(all, 0, start);
        return -Math.Log2(Probability(own, ScoredWeight * scored, byClass));
    }

    /// <summary>P of something seen <paramref name="seen"/> times among these counts.</summary>
    public static double Probability(in Counts counts, double seen, double parent) =>
        Probability(counts.All + seen, counts.Types + (seen > 0 ? 1 : 0), seen, counts.Discount, Theta, parent);

    public static double Probability(double all, double types, double seen, double discount, double theta, double parent) =>
        (Math.Max(seen - discount, 0) + ((theta + (discount * types)) * parent)) / (all + theta);

    /// <summary>Incidences of a context: all, how many types, and how many of those once and twice.</summary>
    public struct Counts
    {
        public double All, Types, Once, Twice;

        /// <summary>d = (n1 + 1/2) / (n1 + 2 n2 + 1), within .05 and .95.</summary>
        public readonly double Discount => Math.Clamp((Once + 0.5) / (Once + (2 * Twice) + 1), 0.05, 0.95);

        public void Add(int incidence)
        {
            All += incidence;
            Types++;
            Once += incidence == 1 ? 1 : 0;
            Twice += incidence == 2 ? 1 : 0;
        }
    }
}
