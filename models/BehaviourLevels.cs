using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Keys of a text at the four levels, as far as the text tells them. An event's candidate, the evidence of what was folded
/// into a pattern and what a view covers all get their keys here, so that they meet.
/// </summary>
static class BehaviourLevels
{
    /// <summary>In place of level 0 for what lies below a secret mount: never a pattern, whatever others do at that path.</summary>
    const int SecretLevel = LevelKeys.Count;

    public static ulong Head(BehaviourClass behaviourClass, int level, ulong actor) =>
        KeyHash.Mix(((ulong)behaviourClass << 8) | (uint)level, actor);

    public static ulong Key(BehaviourClass behaviourClass, ulong actor, ReadOnlySpan<byte> text, bool secret) =>
        KeyHash.Of(Head(behaviourClass, secret ? SecretLevel : 0, actor), text);

    /// <summary>The keys of a pattern that covers a behaviour: what its text alone does not tell is as the behaviour has it.</summary>
    public static LevelKeys Of(BehaviourClass behaviourClass, string actor, ReadOnlySpan<byte> pattern, in LevelKeys covered)
    {
        var last = actor.LastIndexOf(" > ", StringComparison.Ordinal);
        return Of(behaviourClass, KeyHash.Of(actor), KeyHash.Of(last < 0 ? actor : actor[(last + 3)..]), pattern, covered);
    }

    public static LevelKeys Of(BehaviourClass behaviourClass, ulong actor, ulong exe, ReadOnlySpan<byte> pattern, in LevelKeys covered)
    {
        var levels = covered;
        levels[0] = Key(behaviourClass, actor, pattern, secret: false);
        switch (behaviourClass)
        {
            case BehaviourClass.Exec:
                var space = pattern.IndexOf((byte)' ');
                levels[1] = Program(exe, space < 0 ? pattern : pattern[..space], space < 0 ? 0 : ShapeOf(pattern[(space + 1)..]));
                break;
            case BehaviourClass.Dns:
                break; // the domain tells, which a pattern below it leaves as it is
            case BehaviourClass.NetOut when PeerPattern.IsNamed(behaviourClass, pattern):
                break;
            case BehaviourClass.NetOut:
                levels[1] = KeyHash.Of(Head(behaviourClass, 1, exe), pattern);
                // Any prefix of the scope: there is none left to be new.
                if (pattern.IndexOf(" *:"u8) >= 0)
                    levels[2] = KeyHash.Mix(levels[3], 2);
                break;
            default:
                levels[1] = KeyHash.Of(Head(behaviourClass, 1, exe), pattern);
                levels[2] = Directory(behaviourClass, pattern);
                break;
        }
        return levels;
    }

    /// <summary>Level 1 of an exec: the executable, what it starts, and how.</summary>
    public static ulong Program(ulong exe, ReadOnlySpan<byte> program, ulong shape) =>
        KeyHash.Mix(Head(BehaviourClass.Exec, 1, exe), unchecked(KeyHash.Of(program) + shape));

    /// <summary>Level 2 of a path: its directory and the type of its name.</summary>
    public static ulong Directory(BehaviourClass behaviourClass, ReadOnlySpan<byte> text)
    {
        var end = text.IndexOf(" -> "u8);
        var target = end < 0 ? text : text[..end];
        var slash = target.LastIndexOf((byte)'/');
        return KeyHash.Of(Head(behaviourClass, 2, NameShape.Of(target[(slash + 1)..]).Hash(true)), target[..Math.Max(slash, 0)]);
    }

    /// <summary>Order-free hash of the flags and the first bare word, as <see cref="CommandPattern.Write"/> takes it.</summary>
    static ulong ShapeOf(ReadOnlySpan<byte> arguments)
    {
        ulong shape = 0;
        var wordSeen = false;
        foreach (var range in arguments.Split((byte)' '))
        {
            var token = arguments[range];
            if (token is [(byte)'{' or (byte)'[', ..] || token.SequenceEqual("…"u8))
                continue; // code, and the end of what was cut
            var isFlag = token is [(byte)'-', _, ..];
            if (isFlag || !wordSeen)
                shape = unchecked(shape + KeyHash.Of(token));
            wordSeen |= !isFlag;
        }
        return shape;
    }
}
