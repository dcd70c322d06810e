using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>A behaviour an event reduces to, before it is known whether it is known. Its texts lie in the reduction's buffer.</summary>
struct Candidate
{
    public BehaviourClass Class;
    public int Mark;
    public LevelKeys Levels;
    public Range Text;
    /// <summary>The command below the actor whose behaviour it is (words of shell code); empty: the actor's own.</summary>
    public Range Below;
    public CriticalRule? Rule;
    /// <summary>Hash of what was touched, as seen.</summary>
    public ulong Subject;
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
    readonly byte[] _text = new byte[2 * TextBytes];
    int _used;

    public int Count { get; private set; }

    /// <summary>Something did not fit its bound: the event can be judged but never be known.</summary>
    public bool Truncated { get; private set; }

    public ref readonly Candidate this[int index] => ref _candidates[index];

    public ReadOnlySpan<byte> Text(Range range) => _text.AsSpan(range);

    public void Reduce(in ContainerEvent e, Generaliser generaliser, HashSet<ulong> knownLevels)
    {
        (Count, _used, Truncated) = (0, 0, (e.Flags & EventFlags.Truncated) != 0);
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
    }

    ByteWriter Literal() => new(_literal);

    /// <summary>Generalises what was written and keeps the outcome; the candidate is not yet counted.</summary>
    ref Candidate Start(BehaviourClass behaviourClass, Generaliser? generaliser, in ByteWriter literal)
    {
        Truncated |= literal.Overflowed;
        var to = new ByteWriter(_text.AsSpan(_used));
        if (generaliser is null)
            to.Add(literal.Written);
        else
            generaliser.Generalise(behaviourClass, literal.Written, ref to);
        Truncated |= to.Overflowed;
        ref var candidate = ref _candidates[Count];
        candidate = default;
        candidate.Class = behaviourClass;
        candidate.Text = _used..(_used + to.Length);
        _used += to.Length;
        return ref candidate;
    }

    /// <summary>
    /// Keys of a learned behaviour's pattern: the text changed, the actor did not. What a text alone does not tell keeps the
    /// literal's key, which only makes the explanation of a later novelty coarser.
    /// </summary>
    public static LevelKeys LevelsOfPattern(Behaviour literal, ReadOnlySpan<byte> text)
    {
        var levels = literal.Levels;
        levels[0] = KeyHash.Of(Head(literal.Class, 0, KeyHash.Of(literal.Actor)), text);
        // Of names the domain tells, which a pattern below it leaves as it is.
        if (literal.Class is not (BehaviourClass.Exec or BehaviourClass.Dns) && !PeerPattern.IsNamed(literal.Class, text))
        {
            var last = literal.Actor.LastIndexOf(" > ", StringComparison.Ordinal);
            var exe = last < 0 ? literal.Actor : literal.Actor[(last + 3)..];
            levels[1] = KeyHash.Of(Head(literal.Class, 1, KeyHash.Of(exe)), text);
        }
        return levels;
    }

    static ulong Head(BehaviourClass behaviourClass, int level, ulong actor) =>
        KeyHash.Mix(((ulong)behaviourClass << 8) | (uint)level, actor);
}
