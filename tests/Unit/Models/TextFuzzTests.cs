using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Texts that a container chose: paths, command lines, shell code, patterns. Whatever the bytes, the notation holds.</summary>
public sealed class TextFuzzTests
{
    static readonly string[] Pieces =
    [
        "/", "..", ".", "//", "a", "bc", "*", "<n>", ">", " ", "\0", "\n", "12345", "deadbeef01", "123e4567-e89b-12d3-a456-426614174000", "tmp.aB3xYz12Qq",
        "..2024_01_02_03_04_05.1", "/proc/77", "/etc/", "é", "\u202e", "-", "=", "$(", ")", "`", "\"", "'", "\\", ";", "|", "&", "{", "}", "#", "sh", "-c", "http://u:p@h/x",
    ];

    static readonly Gen<byte[]> Bytes = Gen.Frequency(
        (5, Gen.Int[0, Pieces.Length - 1].Array[0, 30].Select(all => Encoding.UTF8.GetBytes(string.Concat(all.Select(i => Pieces[i]))))),
        (2, Gen.Byte.Array[0, 300]),
        (1, Gen.Byte.Array[4000, 5000]));

    [Fact]
    public void Canonical_paths_stay_as_they_are_and_hold_no_notation_of_their_own() => Bytes.Sample(path =>
    {
        var canonical = Written((scoped ref ByteWriter to) => PathPattern.Canonicalise(path, ref to));
        Assert.True(canonical.IndexOfAny((byte)'*', (byte)' ', (byte)0) < 0 && canonical.IndexOf("//"u8) < 0);
        foreach (var mark in Regex.Matches(Encoding.Latin1.GetString(canonical), "<[^>]*>?|>").Select(m => m.Value))
            Assert.Contains(mark, (string[])["<n>", "<h>", "<uuid>", "<r>"]);
        Assert.DoesNotContain("..", Encoding.Latin1.GetString(canonical).Split('/'));
        Assert.True(canonical.Length <= 2 * PathPattern.LongestPath + 16);
        Span<byte> buffer = stackalloc byte[NormalPath.Longest];
        Assert.True(NormalPath.Is(NormalPath.Write(path, buffer)) || path.Length == 0 || path[0] != '/');
    }, iter: 5000);

    [Fact]
    public void Printable_texts_are_those_people_are_shown_and_stay_so() => Bytes.Sample(bytes =>
    {
        var printable = Written((scoped ref ByteWriter to) => PrintableText.Write(bytes, ref to));
        Assert.Equal(PrintableText.Of(bytes, int.MaxValue), Encoding.UTF8.GetString(printable));
        Assert.Equal(printable, Written((scoped ref ByteWriter to) => PrintableText.Write(printable, ref to)));
    }, iter: 3000);

    [Fact]
    public void Command_words_lie_within_the_code_in_order_and_differ() => Bytes.Sample(code =>
    {
        Span<Range> words = stackalloc Range[ShellWords.Most];
        var count = ShellWords.Find(code, words, out var more);
        Assert.InRange(count, 0, ShellWords.Most);
        Assert.True(!more || count == ShellWords.Most);
        for (var i = 0; i < count; i++)
        {
            Assert.False(code.AsSpan(words[i]).IsEmpty);
            if (i > 0)
                Assert.True(code.AsSpan(words[i - 1]).SequenceCompareTo(code.AsSpan(words[i])) < 0);
        }
    }, iter: 5000);

    [Fact]
    public void Command_lines_are_bounded_and_hold_no_forged_pattern() => Gen.Select(Bytes, Gen.Int[0, 3], Gen.Int[0, 2]).Sample((arguments, skip, which) =>
    {
        var command = (which switch { 0 => "sh"u8, 1 => "python3"u8, _ => "cat"u8 }).ToArray();
        var text = Written((scoped ref ByteWriter to) => CommandPattern.Write(arguments, skip, command, Tools.KindOf(command), ref to, out _));
        Assert.True(text.Length == 0 || text[0] == ' ');
        Assert.False(Encoding.Latin1.GetString(text).Contains('*', StringComparison.Ordinal));
    }, iter: 5000);

    /// <summary>Patterns map to themselves, identities to themselves, and the view of a text covers it by the same notation.</summary>
    [Fact]
    public void Generalising_is_idempotent_whatever_was_learned() => Gen.Select(
        Gen.Select(Gen.Int[1, 8], Bytes, Gen.Int[0, 90], Gen.ULong[0, 3]).Array[0, 300], Gen.Select(Gen.Int[1, 8], Bytes)).Sample((learned, probe) =>
        {
            var names = new Generaliser();
            foreach (var (c, bytes, name, unit) in learned)
            {
                var text = name % 3 == 0 ? bytes : Encoding.UTF8.GetBytes($"/srv/{BaselinePropertyTests.Letters(name)}/{BaselinePropertyTests.Letters(name / 2)}");
                names.Learn((BehaviourClass)c, text, unit << 20, again: false);
            }
            foreach (var text in (byte[][])[probe.Item2, .. learned.Take(20).Select(l => l.Item2), "/srv/a/b"u8.ToArray()])
            {
                var c = (BehaviourClass)probe.Item1;
                var identity = Written((scoped ref ByteWriter to) => names.Identify(c, text, ref to));
                Assert.Equal(identity, Written((scoped ref ByteWriter to) => names.Identify(c, identity, ref to)));
                var view = Written((scoped ref ByteWriter to) => names.Generalise(c, identity, ref to));
                Assert.Equal(view, Written((scoped ref ByteWriter to) => names.Generalise(c, view, ref to)));
            }
            Assert.InRange(names.Children, 0, PatternTrie.ChildLimit);
        }, iter: 200);

    [Fact]
    public void Wildcards_match_as_a_regular_expression_would() => Gen.Select(
        Gen.Int[0, 4].Array[0, 10].Select(p => string.Concat(p.Select(i => "ab*.["[i]))), Gen.Int[0, 3].Array[0, 12].Select(t => string.Concat(t.Select(i => "ab.["[i])))).Sample(
        (pattern, text) => Wildcard.Matches(pattern, text) == Regex.IsMatch(text, $"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$", RegexOptions.Singleline), iter: 20_000);

    delegate void Writing(scoped ref ByteWriter to);

    static byte[] Written(Writing write)
    {
        var to = new ByteWriter(new byte[64 * 1024]);
        write(ref to);
        Assert.False(to.Overflowed);
        return to.Written.ToArray();
    }
}
