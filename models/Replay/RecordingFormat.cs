namespace RuntimeGuard.Models.Replay;

/// <summary>
/// The binary recording. Little-endian; "varint" is LEB128, "zigzag" a signed one. A header (magic, version), then blocks:
/// <code>
/// u32 length of the payload | u32 events in it | u64 XxHash64 of the payload, seeded with the block's number | payload
/// </code>
/// and at the end one block of length 0 whose hash field counts all events, so that a cut file is known as one. A payload
/// is entries, each one byte of tag first: <see cref="ContainerTag"/> defines the next container (seven texts as varint
/// length and bytes, varint start, one byte runs-to-completion, varint count of secret mounts and their texts); any other tag
/// is an event's <see cref="RecordedKind"/>, followed by
/// <code>
/// fields (1 byte, <see cref="RecordedField"/>) | varint container | zigzag time since the event before | varint pid, ppid, uid
/// | exe, then those of: zigzag time minus process start | arguments | path | path2 | name | peer, varint port, 1 byte
/// protocol | varint mode | varint flags
/// </code>
/// A text is a varint: 0 a new text that is remembered under the next number, 1 a text that is not remembered (both with
/// varint length and bytes), n the remembered text n - 2. An entry never crosses a block.
/// </summary>
public static class RecordingFormat
{
    public const uint Version = 1;

    /// <summary>No text file and no compressed file begins like this.</summary>
    public static ReadOnlySpan<byte> Magic => [0x89, (byte)'R', (byte)'G', (byte)'R', (byte)'E', (byte)'C', 0x0D, 0x0A];

    internal const int HeaderBytes = 16;
    internal const int BlockHeaderBytes = 16;
    internal const byte ContainerTag = 0xC0;
    internal const int FullBlock = 64 * 1024;
    internal const int LongestBlock = 1 << 20;
    internal const int LongestText = EventLine.LongestLine;
    internal const int MostTexts = 1 << 20;
    internal const long MostTextBytes = 256 << 20;
    internal const int MostContainers = 1 << 20;
    internal const int MostSecretMounts = 64;

    internal const int NewText = 0;
    internal const int LooseText = 1;
    internal const int FirstKnownText = 2;

    /// <summary>Does a file that begins like this hold a binary recording?</summary>
    public static bool IsRecording(ReadOnlySpan<byte> head) => head.StartsWith(Magic);
}

/// <summary>Which of the optional fields of an event follow.</summary>
[Flags]
enum RecordedField : byte
{
    None = 0,
    Start = 1 << 0,
    Arguments = 1 << 1,
    Path = 1 << 2,
    Path2 = 1 << 3,
    Name = 1 << 4,
    Network = 1 << 5,
    Mode = 1 << 6,
    Flags = 1 << 7,
}
