using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// What people said of behaviours, as a layer over what was learned: removing one leaves nothing behind. A deny wins over an
/// allow. Immutable; made when a policy arrives.
/// </summary>
public sealed class Overrides
{
    /// <summary>More of one workload are refused by whoever writes policies.</summary>
    public const int Most = 256;

    readonly Override[] _all;

    public Overrides(IEnumerable<Override> all) => _all = [.. all.Take(Most)];

    public bool IsEmpty => _all.Length == 0;

    /// <summary>What holds for a behaviour at a time, or null.</summary>
    /// <param name="exactOnly">A critical rule is silenced by an allow of exactly this behaviour and by no wider one.</param>
    internal Override? Of(in Candidate candidate, ReadOnlySpan<byte> text, string actor, string version, long nowNs, bool exactOnly)
    {
        Override? allow = null;
        foreach (var one in _all)
        {
            if (one.Class != candidate.Class || (one.ExpiresUnixNs > 0 && nowNs >= one.ExpiresUnixNs)
                || (one.Version.Length > 0 && one.Version != version) || !Covers(one, candidate, text, actor))
                continue;
            if (one.Kind == OverrideKind.Deny)
                return one;
            if (one.Kind == OverrideKind.Allow && (!exactOnly || one.Scope == OverrideScope.Behaviour))
                allow ??= one;
        }
        return allow;
    }

    /// <summary>What is wrong with an override that a person asked for, in words, or null.</summary>
    public static string? Refuse(Override one)
    {
        if (one.Kind is not (OverrideKind.Allow or OverrideKind.Deny))
            return "an override allows or denies";
        if (!EvidenceMerge.IsClass(one.Class))
            return $"'{one.Class}' is no class of behaviours";
        return one.Scope switch
        {
            OverrideScope.Behaviour when one.Key == 0 => "an override of one behaviour needs its key",
            OverrideScope.Pattern when one.Actor.Length == 0 || one.Object.Length == 0 =>
                "an override by pattern needs an actor and an object, in which * stands for anything",
            OverrideScope.Pattern when one.Actor.Trim('*').Length == 0 && one.Object.Trim('*').Length == 0 =>
                "a pattern that covers everything is an override of the class: say so",
            OverrideScope.Behaviour or OverrideScope.Pattern or OverrideScope.Class => null,
            _ => "an override is of a behaviour, a pattern or a class",
        };
    }

    /// <summary>
    /// Would it have held for a behaviour that was reported, had it been there? The same matching as in judgement, whatever
    /// the time.
    /// </summary>
    /// <param name="critical">A critical rule raised it: an allow silences that as exactly this behaviour alone.</param>
    public static bool Covers(Override one, BehaviourEvidence behaviour, string version, bool critical) =>
        one.Class == behaviour.Class && (one.Version.Length == 0 || one.Version == version)
            && (!critical || one.Kind == OverrideKind.Deny || one.Scope == OverrideScope.Behaviour)
            && Covers(one, behaviour.Key, behaviour.Actor, behaviour.Object);

    /// <summary>A pattern speaks of the text a person was shown.</summary>
    static bool Covers(Override one, in Candidate candidate, ReadOnlySpan<byte> text, string actor) =>
        Covers(one, candidate.Levels[0], actor, one.Scope == OverrideScope.Pattern ? PrintableText.Of(text, Baseline.LongestText) : "");

    static bool Covers(Override one, ulong key, string actor, string target) => one.Scope switch
    {
        OverrideScope.Behaviour => one.Key == key,
        OverrideScope.Class => true,
        OverrideScope.Pattern => Wildcard.Matches(one.Actor, actor) && Wildcard.Matches(one.Object, target),
        _ => false,
    };
}

/// <summary>Texts in which * stands for any run of characters. Linear in the text for each star, and nothing else is special.</summary>
static class Wildcard
{
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        var (p, t, star, resume) = (0, 0, -1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, resume) = (p++, t);
            else if (p < pattern.Length && pattern[p] == text[t])
                (p, t) = (p + 1, t + 1);
            else if (star >= 0)
                (p, t) = (star + 1, ++resume);
            else
                return false;
        }
        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }
}
