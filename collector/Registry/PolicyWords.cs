using System.Text.Json;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>Policies in words, as the audit trail keeps them.</summary>
static class PolicyWords
{
    const int LongestName = 200;

    public static string Of(LearningMode mode) => mode switch
    {
        LearningMode.LockedByTime => "locked by time",
        LearningMode.LockedByHand => "locked by hand",
        LearningMode.Frozen => "frozen",
        LearningMode.Learning => "learning",
        _ => "as the workload",
    };

    /// <summary>"exec", "net_out", as rgctl takes and shows it.</summary>
    public static string Of(BehaviourClass behaviourClass) => JsonNamingPolicy.SnakeCaseLower.ConvertName(behaviourClass.ToString());

    /// <summary>What became of what: only what differs, each with its before and after.</summary>
    public static string Change(Policy before, Policy after, string reason)
    {
        var parts = Parts(before, after);
        var told = parts.Count > 0 ? string.Join("; ", parts) : $"stays {Mode(after)}";
        return reason.Length > 0 ? $"{told}: {reason}" : told;
    }

    /// <summary>Whether there is anything to tell.</summary>
    public static bool Differ(Policy before, Policy after) => Parts(before, after).Count > 0;

    static List<string> Parts(Policy before, Policy after)
    {
        var parts = new List<string>();
        if (Mode(before) is var was && Mode(after) is var becomes && was != becomes)
        {
            parts.Add($"{was} -> {becomes}");
        }
        foreach (var behaviourClass in before.Classes.Concat(after.Classes).Select(own => own.Class).Distinct().Order())
        {
            if (Class(before, behaviourClass) is var wasOwn && Class(after, behaviourClass) is var own && wasOwn != own)
            {
                parts.Add($"{Of(behaviourClass)}: {wasOwn} -> {own}");
            }
        }
        parts.AddRange(before.Overrides.Except(after.Overrides).Select(gone => $"{Of(gone)} -> nothing"));
        parts.AddRange(after.Overrides.Except(before.Overrides).Select(added => $"nothing -> {Of(added)}"));
        if (Roles(before) is var had && Roles(after) is var has && had != has)
        {
            parts.Add($"{had} -> {has}");
        }
        return parts;
    }

    /// <summary>"allow 7k2… of the behaviour exec nginx -> /bin/sh in version 1.26, until 2026-01-31 14:00:00Z".</summary>
    public static string Of(Override one)
    {
        var what = one.Scope switch
        {
            OverrideScope.Behaviour => $"the behaviour {Of(one.Class)} {Short(one.Actor)} -> {Short(one.Object)} ({one.Key:x16})",
            OverrideScope.Pattern => $"the pattern {Of(one.Class)} {Short(one.Actor)} -> {Short(one.Object)}",
            _ => $"the class {Of(one.Class)}",
        };
        var version = one.Version.Length > 0 ? $" in version {one.Version}" : "";
        var reach = one.WholeNamespace ? " in the whole namespace" : "";
        var until = one.ExpiresUnixNs > 0 ? $"until {UnixTime.FromUnixNs(one.ExpiresUnixNs):u}" : "for ever";
        return $"{(one.Kind == OverrideKind.Deny ? "deny" : "allow")} {one.Id} of {what}{version}{reach}, {until}";
    }

    static string Roles(Policy policy) => policy.Roles.Count == 0
        ? "one role"
        : $"roles {string.Join(", ", policy.Roles.Select(role => role.Name))}";

    static string Mode(Policy policy) => policy.Mode switch
    {
        LearningMode.Learning when policy.LearningUntilUnixNs == 0 => $"learning until locked, generation {policy.Generation}",
        LearningMode.Learning => $"learning until {UnixTime.FromUnixNs(policy.LearningUntilUnixNs):u}, generation {policy.Generation}",
        var mode => Of(mode),
    };

    static string Class(Policy policy, BehaviourClass behaviourClass)
    {
        var own = policy.Classes.FirstOrDefault(entry => entry.Class == behaviourClass) ?? new ClassPolicy();
        return Of(own.Mode) + (own.Unbounded ? ", cannot be learned" : "") + (own.DriftSinceUnixNs > 0 ? ", drift" : "");
    }

    /// <summary>A name as one line can hold it.</summary>
    public static string Short(string name) => name.Length > LongestName ? $"{name[..LongestName]}…" : name;
}
