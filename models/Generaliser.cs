using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Maps the canonical text of an object to the pattern that covers it, by what one workload's evidence holds. Two maps:
/// <em>identity</em> writes what is hard open-ended as a pattern, and what it returns is what evidence is kept of;
/// the <em>view</em> also covers what is open for the time being, and is derived anew from the names whenever they change.
/// Both are functions of the set of texts and units learned, whatever their order. Patterns map to themselves.
/// </summary>
sealed partial class Generaliser
{
    readonly PatternTrie _trie = new();

    /// <summary>Names that were not counted: the trie is full.</summary>
    public long Refused => _trie.Refused;

    public int Children => _trie.Children;

    public long Bytes => _trie.Bytes;

    /// <summary>Forgets all names; what is hard is told by the patterns that texts hold.</summary>
    public void Clear() => _trie.Clear();

    /// <summary>A longer text stays as it is: shown cut, its names are not whole.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> text) => text.Length <= Baseline.LongestText;

    /// <summary>The text that evidence of this object is kept of.</summary>
    public void Identify(BehaviourClass behaviourClass, ReadOnlySpan<byte> text, scoped ref ByteWriter to) =>
        new Walk(_trie, behaviourClass, Mode.Identity).Run(text, ref to);

    /// <summary>The pattern that covers an identified text now, or the text.</summary>
    public void Generalise(BehaviourClass behaviourClass, ReadOnlySpan<byte> text, scoped ref ByteWriter to) =>
        new Walk(_trie, behaviourClass, Mode.View).Run(text, ref to);

    /// <summary>Counts the names of an identified text in a unit, or in more than one.</summary>
    public Growth Learn(BehaviourClass behaviourClass, ReadOnlySpan<byte> text, ulong unit, bool again)
    {
        var walk = new Walk(_trie, behaviourClass, Mode.Learn) { Unit = unit, Again = again };
        var nothing = new ByteWriter([]);
        walk.Run(text, ref nothing);
        return new Growth(walk.Hardened, walk.Turned);
    }

    enum Mode
    {
        Identity,
        View,
        Learn,
    }

    /// <summary>What learning one text changed for others.</summary>
    /// <param name="Hardened">A group became hard: texts of its class have other identities now.</param>
    /// <param name="Turned">Texts that contain this part of the learned one may be seen otherwise; empty: none.</param>
    public readonly record struct Growth(bool Hardened, Range? Turned);
}
