using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent.Containers;

/// <summary>Asks the container runtimes for the container a cgroup is named after. Any thread; throws only when cancelled.</summary>
delegate Task<LookUpAnswer> RuntimeLookUp(CgroupName name, CancellationToken cancellationToken);

/// <param name="Container">Set when a runtime knows it.</param>
/// <param name="Unavailable">Some runtime that might know it did not answer: ask again.</param>
readonly record struct LookUpAnswer(Container? Container, bool Unavailable)
{
    /// <summary>What the runtime said of the container's network; null when it said nothing.</summary>
    public NetworkFacts? Network { get; init; }

    /// <summary>Every runtime was asked, and none knows it.</summary>
    public static LookUpAnswer NotFound => default;

    public static LookUpAnswer Away => new(null, true);

    public static LookUpAnswer Found(Container container) => new(container, false);
}
