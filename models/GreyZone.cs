using MathNet.Numerics.Distributions;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Small deviations that add up: a marked-Poisson CUSUM for each lineage and for each container, with three assumed rates of
/// attack steps (rho times the workload's own rate of grey events). An incident is raised when one of them crosses
/// h = max(2, log2(3 rho lambda/alpha)); CUSUM is at most the Shiryaev–Roberts e-detector (Shin, Ramdas, Rinaldo 2022), whose
/// expected time to a false alarm is bounded whatever the order of events. One workload; one thread at a time.
/// </summary>
sealed class GreyZone(bool fixedHalfLife)
{
    public const int MostLineages = 32; // of one container; the one quiet longest goes
    const int MostContainers = 256;     // of the workload on this node; likewise

    /// <summary>Of everything remembered, by the sizes below; beyond it the containers quiet longest are forgotten.</summary>
    const int MostBytes = 512 << 10;
    const int LineageBytes = 640; // an accumulator, its hour, its places in tables
    const int StepBytes = 200;    // without its texts
    public const long HourNs = ContainerUnits.HourNs;
    const long SuspectAfterIncidentNs = 24 * HourNs;
    public const double HalfLifeHours = 6;     // only for comparison: decay by a constant instead of by the workload's own rate

    public static ReadOnlySpan<double> Rhos => [3, 10, 30];

    readonly Dictionary<ulong, Container> _containers = [];
    int _bytes; // at most so many: what was reset or shared since they were counted is still in it

    /// <summary>Containers whose suspicion was forgotten for want of room.</summary>
    public long Evicted { get; private set; }

    sealed class Container
    {
        public readonly GreyAccumulator Whole = new();
        public readonly Dictionary<ulong, GreyAccumulator> Lineages = [];
        public readonly Dictionary<ulong, ulong> Joined = []; // lineage -> the one it joined
        public readonly Dictionary<ulong, ulong> Touched = []; // what a grey event touched (path, peer) -> its lineage
        public long LastNs;
        public long ToldNs = long.MinValue; // of its latest incident
    }

    /// <summary>
    /// Upper 80 % posterior quantile of grey events per container-day: prior Gamma(1/2, one day), events in so many
    /// container-days.
    /// </summary>
    public static double RateBound(double events, double containerDays) => Gamma.InvCDF(0.5 + events, 1 + containerDays, 0.8);

    /// <summary>h of one rho, in bits.</summary>
    public static double Bound(double rho, double lambdaPerDay, double alpha) =>
        Math.Max(2, Math.Log2(3 * rho * lambdaPerDay / alpha));

    /// <summary>
    /// Takes a grey event; returns the incident it completed, or null. One event counts for each class and parent in a lineage
    /// and hour. <paramref name="counted"/>: it was the first of those.
    /// </summary>
    public GreyIncident? Add(in GreyEvent e, double lambdaPerDay, double alpha, out bool counted)
    {
        var container = ContainerOf(e);
        var lineage = LineageOf(container, e, lambdaPerDay);
        counted = lineage.IsFirst(e);
        if (!counted)
            return null;
        var step = new Contribution
        {
            TimeUnixNs = e.TimeNs,
            Class = e.Class,
            Behaviour = e.Behaviour,
            Mark = e.Mark,
            Score = e.Score,
            Bits = e.Bits,
        };
        MakeRoom(step, container);
        lineage.Add(step, lambdaPerDay, fixedHalfLife);
        container.Whole.Add(step, lambdaPerDay, fixedHalfLife);
        Touch(container, e);
        var incident = Raise(lineage, lambdaPerDay, alpha) ?? Raise(container.Whole, lambdaPerDay, alpha);
        if (incident is null)
            return RaiseAcross(e, container, lambdaPerDay, alpha);
        // What it was made of is told: it does not count a second time.
        lineage.Reset();
        container.Whole.Reset();
        container.ToldNs = e.TimeNs;
        return incident;
    }

    /// <summary>
    /// Is the container under suspicion? By the bits of its strongest accumulator against half its bound, and for a day after an
    /// incident, which emptied them.
    /// </summary>
    public bool IsSuspect(ulong container, long nowNs, double lambdaPerDay, double alpha)
    {
        if (!_containers.TryGetValue(container, out var known))
            return false;
        if (known.ToldNs != long.MinValue && nowNs - known.ToldNs < SuspectAfterIncidentNs)
            return true;
        known.Whole.Decay(nowNs, lambdaPerDay, fixedHalfLife);
        return known.Whole.Share(lambdaPerDay, alpha) > 0.5;
    }

    public void Clear()
    {
        _containers.Clear();
        _bytes = 0;
    }

    void MakeRoom(Contribution step, Container own)
    {
        _bytes += SizeOf(step) + LineageBytes;
        if (_bytes <= MostBytes)
            return;
        _bytes = SizeOf(step) + LineageBytes + _containers.Values.Sum(SizeOf);
        if (_bytes <= MostBytes / 4 * 3)
            return;
        while (_bytes > MostBytes / 2 && _containers.Count > 1)
            _bytes -= Forget(own);
    }

    /// <summary>Forgets the container quiet longest; returns how many bytes it had.</summary>
    int Forget(Container? but = null)
    {
        var (id, quiet) = _containers.Where(c => c.Value != but).MinBy(c => c.Value.LastNs);
        _containers.Remove(id);
        Evicted++;
        return SizeOf(quiet);
    }

    /// <summary>A step that both a lineage and its container remember is one.</summary>
    static int SizeOf(Container container) => ((container.Lineages.Count + 1) * LineageBytes) + container.Lineages.Values.Append(container.Whole)
        .SelectMany(accumulator => accumulator.Steps).Distinct(ReferenceEqualityComparer.Instance).Cast<Contribution>().Sum(SizeOf);

    static int SizeOf(Contribution step) => StepBytes + (2 * (step.Behaviour.Length + step.Mark.Length));

    static GreyIncident? Raise(GreyAccumulator of, double lambdaPerDay, double alpha)
    {
        for (var i = 0; i < Rhos.Length; i++)
        {
            var bound = Bound(Rhos[i], lambdaPerDay, alpha);
            if (of.Bits[i] < bound)
                continue;
            var incident = new GreyIncident(of.Bits[i], bound, [.. of.Steps]);
            of.Reset();
            return incident;
        }
        return null;
    }

    /// <summary>The same object in another container within the hour: both count together, the bound grows by log2 of how many.</summary>
    GreyIncident? RaiseAcross(in GreyEvent e, Container own, double lambdaPerDay, double alpha)
    {
        if (e.Touched == 0)
            return null;
        List<Container> others = [];
        foreach (var other in _containers.Values)
            if (!ReferenceEquals(other, own) && e.TimeNs - other.LastNs < HourNs && other.Touched.ContainsKey(e.Touched))
                others.Add(other);
        if (others.Count == 0)
            return null;
        foreach (var other in others)
            other.Whole.Decay(e.TimeNs, lambdaPerDay, fixedHalfLife);
        for (var i = 0; i < Rhos.Length; i++)
        {
            var bits = own.Whole.Bits[i];
            foreach (var other in others)
                bits += other.Whole.Bits[i];
            var bound = Bound(Rhos[i], lambdaPerDay, alpha) + Math.Log2(others.Count + 1);
            if (bits < bound)
                continue;
            var steps = others.SelectMany(o => o.Whole.Steps).Concat(own.Whole.Steps).OrderBy(s => s.TimeUnixNs).ToList();
            foreach (var told in others.Append(own))
            {
                told.Whole.Reset();
                told.Lineages.Clear();
                told.ToldNs = e.TimeNs;
            }
            return new GreyIncident(bits, bound, steps);
        }
        return null;
    }

    Container ContainerOf(in GreyEvent e)
    {
        if (!_containers.TryGetValue(e.Container, out var container))
        {
            if (_containers.Count >= MostContainers)
                Forget();
            _containers.Add(e.Container, container = new Container());
        }
        container.LastNs = Math.Max(container.LastNs, e.TimeNs);
        return container;
    }

    /// <summary>Lineages meet where one runs what the other wrote, or talks to the same peer: from then on they are one.</summary>
    GreyAccumulator LineageOf(Container container, in GreyEvent e, double lambdaPerDay)
    {
        if (e.Touched != 0 && container.Touched.TryGetValue(e.Touched, out var other) && other != e.Lineage
            && container.Lineages.ContainsKey(other) && container.Joined.Count < MostLineages)
        {
            container.Lineages.Remove(e.Lineage, out var own);
            container.Joined[e.Lineage] = other;
            var joined = Of(container, other);
            if (own is not null)
                joined.Absorb(own, lambdaPerDay, fixedHalfLife);
            return joined;
        }
        return Of(container, e.Lineage);
    }

    static GreyAccumulator Of(Container container, ulong lineage)
    {
        for (var i = 0; i < 4 && container.Joined.TryGetValue(lineage, out var joined); i++)
            lineage = joined;
        if (container.Lineages.TryGetValue(lineage, out var known))
            return known;
        if (container.Lineages.Count >= MostLineages)
            container.Lineages.Remove(container.Lineages.MinBy(l => l.Value.LastNs).Key);
        var made = new GreyAccumulator();
        container.Lineages.Add(lineage, made);
        return made;
    }

    static void Touch(Container container, in GreyEvent e)
    {
        if (e.Touched == 0)
            return;
        if (container.Touched.Count >= 4 * MostLineages)
            container.Touched.Clear();
        container.Touched.TryAdd(e.Touched, e.Lineage);
    }
}
