namespace RuntimeGuard.Models;

/// <summary>One switch of <see cref="ModelOptions"/> by the name people give it.</summary>
/// <param name="Meaning">What is missing with it, in a few words.</param>
public sealed record Ablation(string Name, string Meaning, Func<ModelOptions, ModelOptions> Apply)
{
    public static IReadOnlyList<Ablation> All { get; } =
    [
        new("no-generalisation", "names never collapse into patterns", o => o with { NoGeneralisation = true }),
        new("set-membership", "known or not is all that counts", o => o with { SetMembership = true }),
        new("no-marks", "q1 = q0: nothing is more attack-like", o => o with { NoMarks = true }),
        new("fixed-24h", "learning ends after 24 hours", o => o with { Fixed24Hours = true }),
        new("no-quarantine", "risky behaviours are learned like others", o => o with { NoQuarantine = true }),
        new("no-grey-zone", "small deviations never add up", o => o with { NoGreyZone = true }),
        new("no-roles", "all containers of a workload are one role", o => o with { NoRoles = true }),
        new("no-back-off", "no back-off from actor to role to image", o => o with { NoBackOff = true }),
        new("no-prequential", "siblings of a novelty cost as much as it", o => o with { NoPrequential = true }),
        new("no-calendar", "no test of days and hours of the week", o => o with { NoCalendar = true }),
        new("fixed-half-life", "the grey zone decays by a constant", o => o with { FixedHalfLife = true }),
    ];

    public static string Names => string.Join(", ", All.Select(a => a.Name));

    /// <summary>The ablation of that name, or null and why there is none, with those there are.</summary>
    public static Ablation? Find(string name, out string problem)
    {
        var found = All.FirstOrDefault(ablation => ablation.Name == name);
        problem = found is null ? $"there is no ablation '{name}'; there are: {Names}" : "";
        return found;
    }
}
