namespace RuntimeGuard.Models.Replay;

/// <summary>A stream of JSON lines as events. Blank lines are passed over. Reads ahead; the stream stays the caller's.</summary>
/// <param name="head">The stream's first bytes, when the caller had to look at them.</param>
public sealed class EventLines(Stream stream, ReadOnlyMemory<byte> head = default) : IEventSource
{
    readonly LineReader _lines = new(stream, EventLine.LongestLine, head);
    readonly EventLine _parser = new();

    public long BytesRead => _lines.BytesRead;

    public bool Read(EventRecord record)
    {
        if (!_lines.TryNext(out var line))
            return false;
        _parser.Parse(line, _lines.Lines, record);
        return true;
    }
}
