using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// What becomes of the overrides of one policy. Pure: nothing here is changed in place.
/// <para>
/// Arithmetic: an override is 300 bytes as people write it, 80 kB for a full policy; at the longest texts and reason it is
/// 7 kB, 1.8 MB, and a model with it still fits what agents take.
/// </para>
/// </summary>
static class OverridePlan
{
    /// <summary>Of one namespace: half of what a workload may have, so that each keeps room for its own.</summary>
    public const int MostOfNamespace = Overrides.Most / 2;

    /// <summary>The policy with the override in it, in the place of those that said the same of the same.</summary>
    /// <param name="mayReplace">Null when the caller may replace that one, else why not.</param>
    /// <exception cref="PolicyRefusal">A deny stands against it, it may not be replaced, or there is no room.</exception>
    public static Policy Add(Policy policy, WorkloadKey workload, Override one, long nowUnixNs, Func<Override, string?> mayReplace)
    {
        var kept = new List<Override>();
        foreach (var other in policy.Overrides)
        {
            if (!IsOfSame(one, other) || IsOver(other, nowUnixNs))
            {
                kept.Add(other);
            }
            else if (one.Kind == OverrideKind.Allow && other.Kind == OverrideKind.Deny)
            {
                throw new PolicyRefusal($"{workload}: {other.CreatedBy} denied it ({other.Id}), and a deny wins: retract that first " +
                    $"(rgctl baseline retract {workload} {other.Id})");
            }
            else if (one.Kind != other.Kind || one.WholeNamespace != other.WholeNamespace)
            {
                kept.Add(other);
            }
            else if (mayReplace(other) is { } refusal)
            {
                throw new PolicyRefusal($"{workload}: {other.CreatedBy} said so already ({other.Id}), and {refusal}");
            }
        }
        if (kept.Count >= Overrides.Most)
        {
            throw new PolicyRefusal($"{workload} has {kept.Count} overrides, and agents take {Overrides.Most}: retract some " +
                $"(rgctl baseline overrides {workload} lists them), or cover several by one pattern");
        }
        return PolicyChange.WithOverrides(policy, [.. kept, one]);
    }

    public static Policy Remove(Policy policy, string id) => policy.Overrides.Any(one => one.Id == id)
        ? PolicyChange.WithOverrides(policy, policy.Overrides.Where(one => one.Id != id))
        : policy;

    public static Policy Sweep(Policy policy, long nowUnixNs) => policy.Overrides.Any(one => IsOver(one, nowUnixNs))
        ? PolicyChange.WithOverrides(policy, policy.Overrides.Where(one => !IsOver(one, nowUnixNs)))
        : policy;

    public static bool IsOver(Override one, long nowUnixNs) => one.ExpiresUnixNs > 0 && one.ExpiresUnixNs <= nowUnixNs;

    static bool IsOfSame(Override a, Override b) => a.Scope == b.Scope && a.Class == b.Class && a.Version == b.Version && a.Scope switch
    {
        OverrideScope.Behaviour => a.Key == b.Key,
        OverrideScope.Pattern => a.Actor == b.Actor && a.Object == b.Object,
        _ => true,
    };
}
