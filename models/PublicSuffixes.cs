using System.Globalization;
using System.Text;

namespace RuntimeGuard.Models;

/// <summary>
/// Where a name's registrable domain begins (eTLD+1), by the public suffix list: its ICANN and its private part, for who
/// rents a name below a host's suffix is as much a stranger as who buys one. Nothing is allocated to look.
/// </summary>
static class PublicSuffixes
{
    static readonly HashSet<ulong> Plain = [];
    static readonly HashSet<ulong> Wildcards = []; // "*.ck", by "ck"
    static readonly HashSet<ulong> Exceptions = [];

    static PublicSuffixes()
    {
        using var stream = typeof(PublicSuffixes).Assembly.GetManifestResourceStream("public_suffix_list.dat")
            ?? throw new InvalidOperationException("public_suffix_list.dat is missing from the assembly; rebuild models");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var punycode = new IdnMapping();
        while (reader.ReadLine() is { } line)
        {
            var rule = line.AsSpan().Trim();
            if (rule.IsEmpty || rule.StartsWith("//"))
                continue;
            var set = rule[0] == '!' ? Exceptions : rule.StartsWith("*.") ? Wildcards : Plain;
            var name = rule.TrimStart("!*.").ToString();
            set.Add(KeyHash.Of(Ascii.IsValid(name) ? name : punycode.GetAscii(name)));
        }
    }

    /// <summary>
    /// Index of the registrable domain in a lower-case name without a last dot: "a.b.co.uk" gives that of "b.co.uk". 0 for a
    /// name that is a suffix or a single label itself. A top level that the list does not have is a suffix.
    /// </summary>
    public static int DomainAt(ReadOnlySpan<byte> name)
    {
        var before = 0; // where the label before this one begins
        for (var at = 0; ;)
        {
            var rest = name[at..];
            var dot = rest.IndexOf((byte)'.');
            if (dot < 0)
                return before;
            if (Exceptions.Contains(KeyHash.Of(rest)))
                return at;
            if (Plain.Contains(KeyHash.Of(rest)) || Wildcards.Contains(KeyHash.Of(rest[(dot + 1)..])))
                return before;
            (before, at) = (at, at + dot + 1);
        }
    }
}
