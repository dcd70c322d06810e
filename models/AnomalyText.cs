using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>Anomalies in words.</summary>
static class AnomalyText
{
    const int LongestSubject = 512;

    /// <summary>What was touched, as seen.</summary>
    public static string Subject(in ContainerEvent e) => e.Kind switch
    {
        EventKind.Exec => Command(e),
        EventKind.Rename => $"{Show(e.Path)} -> {Show(e.Path2)}",
        EventKind.Link or EventKind.Symlink => $"{Show(e.Path2)} -> {Show(e.Path)}",
        EventKind.Chmod => $"{Show(e.Path)} (mode {Convert.ToString(e.Mode & 0xFFF, 8).PadLeft(4, '0')})",
        EventKind.Connect or EventKind.Send or EventKind.Accept when !e.Peer.IsEmpty => Peer(e),
        EventKind.Dns => Show(e.Name),
        EventKind.Listen when e.Protocol != 0 => $"{Protocol(e)} port {e.Port}",
        _ => Show(e.Path),
    };

    /// <summary>One plain sentence.</summary>
    /// <param name="word">The command within shell code that departed, when it was that.</param>
    /// <param name="context">In what a known behaviour was new; empty: it was not known.</param>
    public static string Summary(in ContainerEvent e, CriticalRule? rule, string? word, string context)
    {
        var actor = Name(e.Actor.Exe);
        var target = e.Kind == EventKind.Exec ? Program(e) : Subject(e);
        if (rule is not null)
        {
            var sentence = rule.Sentence.Replace("{actor}", actor, StringComparison.Ordinal)
                .Replace("{object}", target, StringComparison.Ordinal);
            return (e.Flags & EventFlags.Failed) != 0 ? $"{sentence}; the attempt failed" : sentence;
        }
        if (word is not null)
            return $"{actor} had {Program(e)} run the command {word}, {NewIn(context)}";
        var done = e.Kind switch
        {
            EventKind.Exec => $"started {target}",
            EventKind.Open => $"read {target}",
            EventKind.Write => $"wrote {target}",
            EventKind.Create => $"created {target}",
            EventKind.Unlink => $"removed {target}",
            EventKind.Rename => $"renamed {target}",
            EventKind.Link or EventKind.Symlink => $"linked {target}",
            EventKind.Chmod => $"changed the mode of {target}",
            EventKind.Chown => $"changed the owner of {target}",
            EventKind.Connect => $"connected to {target}",
            EventKind.Send => $"sent to {target}",
            EventKind.Dns => $"asked for the name {target}",
            EventKind.Listen => $"listens on {target}",
            EventKind.Accept => $"accepted a connection from {target}",
            _ => $"did {e.Kind} on {target}",
        };
        return $"{actor} {done}, {NewIn(context)}";
    }

    static string NewIn(string context) => context switch
    {
        "phase" => "which this workload has never done in this phase of a container's life",
        "hour" => "which this workload has never done at this hour of the week",
        "role" => "which containers of this role have never done",
        _ => "which this workload has never done",
    };

    /// <summary>A multi-call file (busybox) is known to people by the name it was called by; the file follows.</summary>
    static string Program(in ContainerEvent e)
    {
        var first = e.Arguments.IndexOf((byte)0);
        return first > 0 && Tools.IsMultiCall(e.Path) && !e.Arguments[..first].SequenceEqual(e.Path)
            ? $"{Show(e.Arguments[..first])} ({Show(e.Path)})"
            : Show(e.Path);
    }

    static string Command(in ContainerEvent e)
    {
        var path = Program(e);
        if (!e.Path2.IsEmpty)
            path = $"{path} (script {Show(e.Path2)})";
        var first = e.Arguments.IndexOf((byte)0);
        if (first < 0 || first + 1 >= e.Arguments.Length)
            return path;
        Span<byte> line = stackalloc byte[LongestSubject];
        var arguments = e.Arguments[(first + 1)..];
        if (arguments[^1] == 0)
            arguments = arguments[..^1];
        arguments = arguments.Length > line.Length ? arguments[..line.Length] : arguments;
        arguments.CopyTo(line);
        line[..arguments.Length].Replace((byte)0, (byte)' ');
        return $"{path} {Show(line[..arguments.Length])}";
    }

    static string Peer(in ContainerEvent e)
    {
        Span<byte> buffer = stackalloc byte[64];
        var to = new ByteWriter(buffer);
        PeerPattern.WriteAddress(e.Peer, ref to);
        return e.Name.IsEmpty ? $"{Show(to.Written)}:{e.Port}" : $"{Show(e.Name)}:{e.Port} ({Show(to.Written)})";
    }

    static string Protocol(in ContainerEvent e) => Show(PeerPattern.NameOfProtocol(e.Protocol));

    static string Name(string exe) => exe[(exe.LastIndexOf('/') + 1)..];

    static string Show(ReadOnlySpan<byte> bytes) => PrintableText.Of(bytes, LongestSubject);
}
