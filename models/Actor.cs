using System.Text;

namespace RuntimeGuard.Models;

/// <summary>
/// A process as the model names it: the chain of at most three generalised executables below and with the container's
/// entrypoint, "entry > sh > curl"; longer chains keep their end. Immutable; made at exec, shared by every event of the
/// process. One thread at a time per entrypoint.
/// </summary>
public sealed class Actor
{
    const int ChainLength = 3;
    const int InternDepth = 4;
    const int InternLimit = 512; // per entrypoint; beyond it an exec makes an actor that is not shared
    const int LongestExe = 256;

    readonly Intern _intern;
    readonly Actor? _parent;
    Dictionary<(string Exe, ulong Applet), Actor>? _children;

    Actor(string exe, Actor? parent)
    {
        Exe = Generalised(exe);
        _parent = parent;
        _intern = parent?._intern ?? new Intern();
        Depth = parent is null ? 0 : parent.Depth + 1;
        Text = Chain();
        Hash = KeyHash.Of(Text);
        ExeHash = KeyHash.Of(Exe);
        // Only as much ancestry as the next chain needs, so that a process that execs itself for ever holds nothing.
        if (Depth >= InternDepth)
            _parent = new Actor(parent!.Exe, Depth);
    }

    /// <summary>A bare link of ancestry.</summary>
    Actor(string exe, int depth)
    {
        (Exe, Text, Depth) = (exe, exe, depth);
        _intern = new Intern();
    }

    public string Text { get; }

    public string Exe { get; }

    /// <summary>0 for the container's entrypoint.</summary>
    public int Depth { get; }

    internal ulong Hash { get; }

    internal ulong ExeHash { get; }

    public static Actor Entry(string exe) => new(exe, null);

    public Actor Exec(string exe) => Exec(exe, default);

    /// <summary>
    /// The same with argv[0]: the command of a multi-call file (busybox, toybox, coreutils) is the name it was called by.
    /// </summary>
    public Actor Exec(string exe, ReadOnlySpan<byte> argument0)
    {
        var applet = Applet(exe, argument0);
        var key = (exe, applet.IsEmpty ? 0 : KeyHash.Of(applet));
        if (_children is not null && _children.TryGetValue(key, out var known))
            return known;
        var made = new Actor(applet.IsEmpty ? exe : $"{exe} {PrintableText.Of(applet, 32)}", this);
        if (Depth < InternDepth && _intern.Count < InternLimit)
        {
            (_children ??= []).Add(key, made);
            _intern.Count++;
        }
        return made;
    }

    string Chain()
    {
        var text = Exe;
        var ancestor = _parent;
        for (var i = 1; i < ChainLength && ancestor is not null; i++, ancestor = ancestor._parent)
            text = $"{ancestor.Exe} > {text}";
        return Depth >= ChainLength ? $"… > {text}" : text;
    }

    static ReadOnlySpan<byte> Applet(string exe, ReadOnlySpan<byte> argument0)
    {
        if (argument0.IsEmpty || exe.Length > LongestExe)
            return default;
        Span<byte> path = stackalloc byte[Encoding.UTF8.GetMaxByteCount(exe.Length)];
        return Tools.IsMultiCall(path[..Encoding.UTF8.GetBytes(exe, path)]) ? Tools.BaseName(argument0) : default;
    }

    static string Generalised(string exe)
    {
        if (exe.Length > LongestExe)
            exe = exe[..LongestExe];
        Span<byte> path = stackalloc byte[Encoding.UTF8.GetMaxByteCount(exe.Length)];
        Span<byte> canonical = stackalloc byte[path.Length * 2];
        var writer = new ByteWriter(canonical);
        PathPattern.Canonicalise(path[..Encoding.UTF8.GetBytes(exe, path)], ref writer);
        return PrintableText.Of(writer.Written, LongestExe);
    }

    sealed class Intern
    {
        public int Count;
    }
}
