using System.Text;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Merged evidence as a baseline that has it sees it: with the patterns that cover names for the time being, which are not
/// part of it. Of evidence that was checked when it came; a change of that does not show. One thread at a time.
/// </summary>
public sealed class EvidenceView
{
    readonly Vocabulary _vocabulary;
    readonly Dictionary<ulong, HashSet<ulong>> _versions = [];
    readonly HashSet<(BehaviourClass, string)> _secrets = [];
    readonly HashSet<(BehaviourClass, string, string)> _learned = [];

    EvidenceView(Evidence evidence)
    {
        _vocabulary = Vocabulary.Of(evidence);
        foreach (var behaviour in _vocabulary.Values)
        {
            if (behaviour.Secret)
                _secrets.Add((behaviour.Class, behaviour.Object));
            else if (behaviour.Learned)
                _learned.Add((behaviour.Class, behaviour.Actor, behaviour.Object));
            if (behaviour.View is null)
                continue;
            if (!_versions.TryGetValue(behaviour.Seen[0], out var versions))
                _versions.Add(behaviour.Seen[0], versions = []);
            foreach (var version in behaviour.Versions.AsSpan())
                versions.Add(version);
        }
    }

    public static EvidenceView Of(Evidence evidence) => new(evidence);

    /// <summary>It is learned, or a pattern of what its actor has learned covers it.</summary>
    public bool Knows(BehaviourEvidence behaviour) => (_vocabulary.TryGet(behaviour.Key, out var own) && own.Learned)
        || (!behaviour.Secret && Covers(behaviour.Class, behaviour.Actor, behaviour.Object));

    /// <summary>
    /// A pattern, hard or of the time being, covers it, by names alone. What is known of a secret mount is not covered,
    /// whatever else lies at that path.
    /// </summary>
    public bool Covers(BehaviourClass behaviourClass, string actor, string target)
    {
        var text = Encoding.UTF8.GetBytes(target);
        if (!Generaliser.IsWhole(text) || _secrets.Contains((behaviourClass, target)))
            return false;
        Span<byte> identified = stackalloc byte[4 * Baseline.LongestText], pattern = stackalloc byte[4 * Baseline.LongestText];
        var to = new ByteWriter(identified);
        _vocabulary.Names.Identify(behaviourClass, text, ref to);
        if (_learned.Contains((behaviourClass, actor, Encoding.UTF8.GetString(to.Written))))
            return true;
        var view = new ByteWriter(pattern);
        _vocabulary.Names.Generalise(behaviourClass, to.Written, ref view);
        return !view.Written.SequenceEqual(to.Written)
            && _versions.ContainsKey(BehaviourLevels.Key(behaviourClass, KeyHash.Of(actor), view.Written, secret: false));
    }

    /// <summary>Versions of the image it was seen in, up to the bounds of sketches: a covered one's are its pattern's.</summary>
    public IReadOnlyCollection<ulong> VersionsOf(BehaviourEvidence behaviour) =>
        _vocabulary.TryGet(behaviour.Key, out var own) && own.View is not null ? _versions[own.Seen[0]] : behaviour.Versions;

    /// <summary>The key under which it is seen: its pattern's where one covers it.</summary>
    public ulong KeyOf(BehaviourEvidence behaviour) => _vocabulary.TryGet(behaviour.Key, out var own) && own.View is { } view ? view.Levels[0] : behaviour.Key;
}
