using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>One node's counters of one class.</summary>
sealed class ClassTally
{
    public ulong Grey;
    public readonly ulong[] Contexts = new ulong[3];
    public ulong RecentUnits;
    public ulong RecentNovel;
    public SmallSketch Recent;
    public SmallSketch Novel;

    public VolumeStatistics Volumes { get; } = new();

    public void StartWindow() => (RecentUnits, RecentNovel, Recent, Novel) = (0, 0, default, default);

    public void Load(ClassRates from)
    {
        StartWindow();
        (Grey, RecentUnits, RecentNovel) = (from.Grey, from.RecentUnits, from.RecentNovel);
        (Contexts[0], Contexts[1], Contexts[2]) = (from.NewPhase, from.NewHour, from.NewRole);
        foreach (var container in from.Containers)
            Recent.Add(container);
        foreach (var container in from.NovelContainers)
            Novel.Add(container);
        Volumes.Load(from.Volumes);
    }

    /// <summary>Adds another source's counters; containers are asked of the sources.</summary>
    public void Add(ClassRates other)
    {
        Grey += other.Grey;
        RecentUnits += other.RecentUnits;
        RecentNovel += other.RecentNovel;
        Contexts[0] += other.NewPhase;
        Contexts[1] += other.NewHour;
        Contexts[2] += other.NewRole;
        Volumes.Add(other.Volumes);
    }

    public ClassRates? ToEvidence(BehaviourClass behaviourClass)
    {
        var rates = new ClassRates
        {
            Class = behaviourClass,
            Grey = Grey,
            NewPhase = Contexts[0],
            NewHour = Contexts[1],
            NewRole = Contexts[2],
            RecentUnits = RecentUnits,
            RecentNovel = RecentNovel,
        };
        rates.Containers.AddAll(Recent.AsSpan());
        rates.NovelContainers.AddAll(Novel.AsSpan());
        rates.Volumes.AddRange(Volumes.ToEvidence());
        return RecentUnits == 0 && Grey == 0 && rates.Volumes.Count == 0 && Contexts is [0, 0, 0] ? null : rates;
    }
}
