using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>A behaviour an event reduces to, before it is known whether it is known. Its texts lie in the reduction's buffer.</summary>
struct Candidate
{
    public BehaviourClass Class;
    public int Mark;
    /// <summary>Of the identified text: what evidence is kept of.</summary>
    public LevelKeys Levels;
    /// <summary>Of the pattern that covers it now; the same where none does.</summary>
    public LevelKeys View;
    public Range Text;
    public Range ViewText;
    /// <summary>The command below the actor whose behaviour it is (words of shell code); empty: the actor's own.</summary>
    public Range Below;
    public CriticalRule? Rule;
    /// <summary>Hash of what was touched, as seen.</summary>
    public ulong Subject;
    /// <summary>Below a secret mount of its container: never covered by a pattern, and no part of one.</summary>
    public bool Secret;
    /// <summary>What was identified is not the literal: it is of a hard pattern.</summary>
    public bool Hard;
    /// <summary>Not of a kind that patterns are made of.</summary>
    public bool Literal;

    public readonly bool IsCovered => View[0] != Levels[0];
}

/// <summary>
/// Reduces events to behaviours in buffers of its own: nothing is allocated, and nothing of an event outlives the call but
/// what <see cref="Text"/> shows until the next one. One thread at a time.
/// </summary>
sealed partial class Reduction
{
    const int MostCandidates = 1 + ShellWords.Most;
    const int TextBytes = 16 * 1024;

    readonly Candidate[] _candidates = new Candidate[MostCandidates];
    readonly byte[] _literal = new byte[TextBytes];
    readonly byte[] _text = new byte[3 * TextBytes];
    readonly byte[] _printable = new byte[TextBytes];
    ContainerFacts? _container;
    int _used;

    public int Count { get; private set; }

    /// <summary>Something did not fit its bound: the event can be judged but never be known.</summary>
    public bool Truncated { get; private set; }

    public ref readonly Candidate this[int index] => ref _candidates[index];

    public ReadOnlySpan<byte> Text(Range range) => _text.AsSpan(range);

    public void Reduce(in ContainerEvent e, Generaliser generaliser, KeyTable<byte> knownLevels)
    {
        (Count, _used, Truncated) = (0, 0, (e.Flags & EventFlags.Truncated) != 0);
        _container = e.Container;
        var failed = (e.Flags & EventFlags.Failed) != 0;
        switch (e.Kind)
        {
            case EventKind.Exec when !failed:
                ReduceExec(e, generaliser);
                break;
            case EventKind.Open:
                ReduceRead(e, generaliser, failed);
                break;
            case EventKind.Write or EventKind.Create:
                ReduceWrite(e, e.Path, generaliser, failed);
                if ((e.Flags & EventFlags.Reads) != 0 && e.Kind == EventKind.Write)
                    ReduceRead(e, generaliser, failed);
                break;
            case EventKind.Rename:
                ReduceWrite(e, e.Path2, generaliser, failed);
                ReduceRemove(e, generaliser, failed);
                break;
            case EventKind.Link or EventKind.Symlink:
                ReduceLink(e, generaliser, failed);
                break;
            case EventKind.Unlink:
                ReduceRemove(e, generaliser, failed);
                break;
            case EventKind.Chmod or EventKind.Chown:
                ReducePermission(e, generaliser, failed);
                break;
            case EventKind.Connect or EventKind.Send:
                ReducePeer(e, generaliser, knownLevels);
                break;
            case EventKind.Dns:
                ReduceQuestion(e, generaliser, knownLevels);
                break;
            case EventKind.Listen or EventKind.Accept when !failed:
                ReduceServing(e);
                break;
            case EventKind.Mount or EventKind.Setns or EventKind.Unshare or EventKind.Ptrace
                or EventKind.ProcessVmWritev or EventKind.Module or EventKind.Bpf:
                ReducePrivilege(e);
                break;
        }
        for (var i = 0; i < Count; i++)
            View(ref _candidates[i], e.Actor, generaliser);
    }

    ByteWriter Literal() => new(_literal);

    /// <summary>Identifies what was written and keeps the outcome; the candidate is not yet counted.</summary>
    ref Candidate Start(BehaviourClass behaviourClass, Generaliser? generaliser, in ByteWriter literal, bool secret = false)
    {
        Truncated |= literal.Overflowed;
        var text = literal.Written;
        if (!PrintableText.Is(text))
        {
            // What people are shown is what is learned: names come back from disk and from other nodes as texts.
            var printable = new ByteWriter(_printable);
            PrintableText.Write(text, ref printable);
            Truncated |= printable.Overflowed;
            text = printable.Written;
        }
        var to = new ByteWriter(_text.AsSpan(_used));
        if (generaliser is null || secret)
            to.Add(text);
        else
            generaliser.Identify(behaviourClass, text, ref to);
        Truncated |= to.Overflowed;
        ref var candidate = ref _candidates[Count];
        candidate = default;
        candidate.Class = behaviourClass;
        candidate.Secret = secret;
        candidate.Literal = generaliser is null || secret;
        candidate.Hard = !candidate.Literal && !to.Written.SequenceEqual(text);
        candidate.Text = _used..(_used + to.Length);
        _used += to.Length;
        return ref candidate;
    }

    /// <summary>What covers it, by the names known now.</summary>
    void View(ref Candidate candidate, Actor actor, Generaliser generaliser)
    {
        if (candidate.Secret)
            candidate.Levels[0] = BehaviourLevels.Key(candidate.Class, actor.Hash, Text(candidate.Text), secret: true);
        if (candidate.Hard)
            candidate.Levels = BehaviourLevels.Of(candidate.Class, actor.Hash, actor.ExeHash, Text(candidate.Text), candidate.Levels);
        (candidate.View, candidate.ViewText) = (candidate.Levels, candidate.Text);
        if (candidate.Literal)
            return;
        var to = new ByteWriter(_text.AsSpan(_used));
        generaliser.Generalise(candidate.Class, Text(candidate.Text), ref to);
        if (to.Overflowed || to.Written.SequenceEqual(Text(candidate.Text)))
            return;
        candidate.ViewText = _used..(_used + to.Length);
        candidate.View = BehaviourLevels.Of(candidate.Class, actor.Hash, actor.ExeHash, to.Written, candidate.Levels);
        _used += to.Length;
    }

    /// <summary>A secret of this container, where the path alone does not say so.</summary>
    bool IsBelowSecretMount(ReadOnlySpan<byte> path)
    {
        foreach (var mount in _container!.SecretMountBytes)
            if (SensitivePaths.Under(path, mount))
                return true;
        return false;
    }

    /// <summary>
    /// The mark that evidence keeps. Whether a port or a domain was new depends on what this node had seen by then, so that is
    /// left to whoever counts marks: what nothing else of the class has is new.
    /// </summary>
    public static int LastingMark(in Candidate candidate, ReadOnlySpan<byte> text) => candidate switch
    {
        { Class: BehaviourClass.Dns, Mark: NewDomain } => KnownDomain,
        { Class: BehaviourClass.NetOut, Mark: NewPortOrNameless } when text.IndexOf(" private "u8) is >= 0 and < 8 => PrivateKnownPort,
        { Class: BehaviourClass.NetOut, Mark: NewPortOrNameless } when PeerPattern.IsNamed(candidate.Class, text) => PublicKnownPort,
        _ => candidate.Mark,
    };

    /// <summary>The mark a behaviour would have had, had all the others been there before it.</summary>
    /// <param name="only">Nothing else of the class has its <see cref="MarkLevel"/>: a peer's port and scope, a name's domain.</param>
    public static int MarkLeftOut(BehaviourClass behaviourClass, int mark, bool only) => (behaviourClass, mark) switch
    {
        (BehaviourClass.NetOut, PrivateKnownPort or PublicKnownPort) when only => NewPortOrNameless,
        (BehaviourClass.Dns, KnownDomain) when only => NewDomain,
        _ => mark,
    };

    /// <summary>The level that tells whether a mark was new.</summary>
    public static int MarkLevel(BehaviourClass behaviourClass) => behaviourClass == BehaviourClass.Dns ? 2 : 3;

    static ulong Head(BehaviourClass behaviourClass, int level, ulong actor) => BehaviourLevels.Head(behaviourClass, level, actor);
}
