using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

sealed partial class Reduction
{
    const int ImageBinary = 0, ShellInterpreter = 1, Discovery = 2, NetTool = 3, NotInImage = 4, EscapeMemfd = 5;

    void ReduceExec(in ContainerEvent e, Generaliser generaliser)
    {
        if (e.Path.IsEmpty)
            return;
        var arguments = e.Arguments;
        var first = arguments.IndexOf((byte)0);
        var argument0 = first < 0 ? arguments : arguments[..first];
        var skip = 1;
        var command = Tools.BaseName(e.Path);
        var multiCall = Tools.IsMultiCall(e.Path);
        if (multiCall && !argument0.IsEmpty)
        {
            command = Tools.BaseName(argument0);
            // "busybox wget ...": the name comes second.
            if (Tools.IsMultiCall(command) && first >= 0 && first + 1 < arguments.Length && arguments[first + 1] != '-')
            {
                var rest = arguments[(first + 1)..];
                var end = rest.IndexOf((byte)0);
                command = end < 0 ? rest : rest[..end];
                skip = 2;
            }
        }
        var kind = Tools.KindOf(command);
        var literal = Literal();
        PathPattern.Canonicalise(e.Path, ref literal);
        // In brackets and without blanks: part of the command's name, not an argument that may be generalised.
        if (multiCall)
            Bracketed(command, ref literal);
        else if (!argument0.IsEmpty && !Names(argument0, command, e.Path2))
            Bracketed(Tools.BaseName(argument0), ref literal);
        if ((e.Flags & (EventFlags.NotInImage | EventFlags.Memfd | EventFlags.Deleted)) != 0)
            Bracketed((e.Flags & EventFlags.Memfd) != 0 ? "memfd"u8
                : (e.Flags & EventFlags.Deleted) != 0 ? "deleted"u8 : "not-in-image"u8, ref literal);
        if (!e.Path2.IsEmpty)
        {
            literal.Add((byte)':');
            PathPattern.Canonicalise(e.Path2, ref literal);
        }
        var program = KeyHash.Of(literal.Written);
        var shape = CommandPattern.Write(arguments, skip, command, kind, ref literal, out var code);

        ref var candidate = ref Start(BehaviourClass.Exec, generaliser, literal, NamesSecret(arguments));
        candidate.Mark = MarkOf(e.Flags, kind);
        candidate.Rule = CriticalRules.OfExec(e.Flags, kind);
        candidate.Subject = KeyHash.Of(KeyHash.Of(e.Path), arguments);
        candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.Exec, 0, e.Actor.Hash), Text(candidate.Text));
        candidate.Levels[1] = KeyHash.Mix(Head(BehaviourClass.Exec, 1, e.Actor.ExeHash), unchecked(program + shape));
        candidate.Levels[2] = KeyHash.Mix(Head(BehaviourClass.Exec, 2, e.Actor.ExeHash), program);
        candidate.Levels[3] = ClassKey(candidate.Mark, kind);
        Count++;
        if (!code.IsEmpty)
            ReduceCode(code, e.Actor, candidate.Text);
    }

    /// <summary>What shell code would run, each command as if the shell had started it.</summary>
    void ReduceCode(ReadOnlySpan<byte> code, Actor actor, Range shell)
    {
        Span<Range> words = stackalloc Range[ShellWords.Most];
        var count = ShellWords.Find(code, words, out _);
        var name = Text(shell);
        var space = name.IndexOf((byte)' ');
        if (space >= 0)
            shell = shell.Start..(shell.Start.Value + space);
        var below = KeyHash.Of(actor.Hash, Text(shell));
        for (var i = 0; i < count; i++)
        {
            var word = code[words[i]];
            var kind = Tools.KindOf(Tools.BaseName(word));
            var literal = Literal();
            CommandPattern.WriteToken(word, ref literal);
            ref var candidate = ref Start(BehaviourClass.Exec, null, literal);
            candidate.Below = shell;
            candidate.Mark = MarkOf(EventFlags.None, kind);
            candidate.Subject = KeyHash.Of(word);
            var text = Text(candidate.Text);
            candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.Exec, 0, below), text);
            candidate.Levels[1] = KeyHash.Of(Head(BehaviourClass.Exec, 1, KeyHash.Of(Text(shell))), text);
            candidate.Levels[2] = KeyHash.Of(Head(BehaviourClass.Exec, 2, KeyHash.Of(Text(shell))), text);
            candidate.Levels[3] = ClassKey(candidate.Mark, kind);
            Count++;
        }
    }

    static ulong ClassKey(int mark, ToolKind kind) =>
        KeyHash.Mix(Head(BehaviourClass.Exec, 3, 0), ((ulong)mark << 8) | (uint)kind);

    static int MarkOf(EventFlags flags, ToolKind kind)
    {
        if ((flags & (EventFlags.Memfd | EventFlags.Deleted)) != 0)
            return EscapeMemfd;
        if ((flags & EventFlags.NotInImage) != 0)
            return NotInImage;
        return kind switch
        {
            ToolKind.Escape => EscapeMemfd,
            // What fetches or makes programs weighs as what talks to the network.
            ToolKind.NetTool or ToolKind.Compiler or ToolKind.PackageManager => NetTool,
            ToolKind.Discovery => Discovery,
            ToolKind.Shell or ToolKind.Interpreter => ShellInterpreter,
            _ => ImageBinary,
        };
    }

    /// <summary>Is a secret mount of the container named on this command line?</summary>
    bool NamesSecret(ReadOnlySpan<byte> arguments)
    {
        foreach (var mount in _container!.SecretMountBytes)
            if (arguments.IndexOf(mount) >= 0)
                return true;
        return false;
    }

    /// <summary>Does argv[0] name the executable, its script, or the executable it links to?</summary>
    static bool Names(ReadOnlySpan<byte> argument0, ReadOnlySpan<byte> command, ReadOnlySpan<byte> script)
    {
        var name = Tools.BaseName(argument0);
        if (name is [(byte)'-', ..])
            name = name[1..];
        return name.SequenceEqual(command) || (!script.IsEmpty && name.SequenceEqual(Tools.BaseName(script)));
    }

    static void Bracketed(ReadOnlySpan<byte> name, scoped ref ByteWriter to)
    {
        to.Add((byte)'[');
        PathPattern.Plain(name.Length > 48 ? name[..48] : name, ref to);
        to.Add((byte)']');
    }
}
