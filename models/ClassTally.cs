using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>One node's counters of one class.</summary>
sealed class ClassTally
{
    /// <summary>Grey events by score, in the bins of <see cref="GreyScore"/>.</summary>
    public readonly ulong[] Grey = new ulong[GreyScore.Bins];
    /// <summary>Known behaviours that came new into a context, in the window that runs and in the one before.</summary>
    public readonly ulong[] Contexts = new ulong[ContextCount];
    public readonly ulong[] OlderContexts = new ulong[ContextCount];
    public ulong ContextUnits;
    public ulong OlderContextUnits;
    public ulong RecentUnits;
    public ulong RecentNovel;
    public long WindowSinceNs;
    public SmallSketch Recent;
    public SmallSketch Novel;

    public const int ContextCount = 3;

    /// <summary>
    /// Four weeks of one container: what came new into contexts while they were found out says little of a month later, and a
    /// rate over all time would remember it for ever.
    /// </summary>
    const int ContextWindow = 672;

    public VolumeStatistics Volumes { get; } = new();

    public ulong GreySum => Grey.Aggregate(0ul, (sum, count) => sum + count);

    /// <summary>Left out of evidence while there is no window before.</summary>
    public static ulong OlderOf(ClassRates rates, int context) => context < rates.OlderContexts.Count ? rates.OlderContexts[context] : 0;

    public void AddContextUnit()
    {
        if (ContextUnits >= ContextWindow)
        {
            Contexts.CopyTo(OlderContexts, 0);
            Array.Clear(Contexts);
            (OlderContextUnits, ContextUnits) = (ContextUnits, 0);
        }
        ContextUnits++;
    }

    public void StartWindow(long atNs) => (WindowSinceNs, RecentUnits, RecentNovel, Recent, Novel) = (atNs, 0, 0, default, default);

    public void Load(ClassRates from)
    {
        StartWindow(from.WindowSinceNs);
        (RecentUnits, RecentNovel) = (from.RecentUnits, from.RecentNovel);
        for (var bin = 0; bin < Grey.Length; bin++)
            Grey[bin] = GreyScore.CountOf(from, bin);
        (Contexts[0], Contexts[1], Contexts[2]) = (from.NewPhase, from.NewHour, from.NewRole);
        (ContextUnits, OlderContextUnits) = (from.ContextUnits, from.OlderContextUnits);
        for (var context = 0; context < ContextCount; context++)
            OlderContexts[context] = OlderOf(from, context);
        foreach (var container in from.Containers)
            Recent.Add(container);
        foreach (var container in from.NovelContainers)
            Novel.Add(container);
        Volumes.Load(from.Volumes);
    }

    public ClassRates? ToEvidence(BehaviourClass behaviourClass)
    {
        var rates = new ClassRates
        {
            Class = behaviourClass,
            Grey = GreySum,
            NewPhase = Contexts[0],
            NewHour = Contexts[1],
            NewRole = Contexts[2],
            ContextUnits = ContextUnits,
            OlderContextUnits = OlderContextUnits,
            RecentUnits = RecentUnits,
            RecentNovel = RecentNovel,
            WindowSinceNs = WindowSinceNs,
        };
        rates.Containers.AddAll(Recent.AsSpan());
        rates.NovelContainers.AddAll(Novel.AsSpan());
        rates.Volumes.AddRange(Volumes.ToEvidence());
        if (OlderContextUnits > 0)
            rates.OlderContexts.AddRange(OlderContexts);
        if (GreySum > 0)
            rates.GreyByScore.AddRange(Grey);
        return RecentUnits == 0 && GreySum == 0 && rates.Volumes.Count == 0 && Contexts is [0, 0, 0] ? null : rates;
    }
}
