namespace RuntimeGuard.Models.Replay;

/// <summary>
/// One recorded event, refilled by its source for every event: whoever keeps more than a copy of its numbers keeps what the
/// next event overwrites. Containers and executables are shared objects that stay.
/// </summary>
public sealed class EventRecord
{
    /// <summary>Unix nanoseconds.</summary>
    public long TimeNs { get; set; }

    public RecordedKind Kind { get; set; }

    public RecordedContainer Container { get; set; } = null!;

    public uint Pid { get; set; }

    /// <summary>Unix nanoseconds; 0 when not known.</summary>
    public long ProcessStartNs { get; set; }

    public uint ParentPid { get; set; }

    public uint Uid { get; set; }

    /// <summary>What the process runs; for an exec, what it runs from now on.</summary>
    public InternedText Exe { get; set; } = InternedText.Empty;

    /// <summary>The process's arguments, each ended by a zero byte; those of an exec are the new program's.</summary>
    public ReadOnlyMemory<byte> Arguments { get; set; }

    public ReadOnlyMemory<byte> Path { get; set; }

    public ReadOnlyMemory<byte> Path2 { get; set; }

    /// <summary>Of dns: the name asked for; else the peer's name when the recorder knew it.</summary>
    public ReadOnlyMemory<byte> Name { get; set; }

    /// <summary>4 or 16 bytes in network order, or empty.</summary>
    public ReadOnlyMemory<byte> Peer { get; set; }

    public ushort Port { get; set; }

    public byte Protocol { get; set; }

    /// <summary>chmod: the new mode; mount, setns, unshare: the flags given.</summary>
    public uint Mode { get; set; }

    /// <summary>What the recorder knew of it; roles of the process (serves, entry actor) are found by the replay itself.</summary>
    public EventFlags Flags { get; set; }

    public void Clear()
    {
        (TimeNs, Kind, Container) = (0, RecordedKind.None, null!);
        (Pid, ProcessStartNs, ParentPid, Uid, Exe) = (0, 0, 0, 0, InternedText.Empty);
        (Arguments, Path, Path2, Name, Peer) = (default, default, default, default, default);
        (Port, Protocol, Mode, Flags) = (0, 0, 0, EventFlags.None);
    }
}

/// <summary>A text kept once, as bytes and as a string.</summary>
public sealed class InternedText(byte[] bytes)
{
    public static InternedText Empty { get; } = new([]);

    string? _text;

    public ReadOnlyMemory<byte> Bytes => bytes;

    public string Text => _text ??= System.Text.Encoding.UTF8.GetString(bytes);

    public override string ToString() => Text;
}

/// <summary>
/// Events in the order they were recorded. One pass, one thread; a pass made anew yields the same events with the same
/// container identities.
/// </summary>
public interface IEventSource
{
    /// <summary>Refills the record with the next event; false when there is none.</summary>
    /// <exception cref="ReplayException">The source is damaged or malformed.</exception>
    bool Read(EventRecord record);
}
