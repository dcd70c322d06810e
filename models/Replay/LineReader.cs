namespace RuntimeGuard.Models.Replay;

/// <summary>Lines of a stream, bounded in length, as spans of a buffer that the next call overwrites.</summary>
sealed class LineReader(Stream stream, int longest, ReadOnlyMemory<byte> head = default)
{
    const int FirstBytes = 64 * 1024;

    byte[] _buffer = [.. head.Span, .. new byte[FirstBytes]]; // grows with the longest line, hence to at most twice the bound
    int _start, _end = head.Length;
    bool _finished;

    /// <summary>Lines given so far, which is the number of the last one.</summary>
    public long Lines { get; private set; }

    public long BytesRead { get; private set; }

    /// <summary>The next line that is not blank, without its end and without a byte order mark; false when there is none.</summary>
    /// <exception cref="ReplayException">A line is longer than the bound.</exception>
    public bool TryNext(out ReadOnlySpan<byte> line)
    {
        while (TryLine(out line))
        {
            Lines++;
            if (Lines == 1 && line.StartsWith("\uFEFF"u8))
                line = line[3..];
            if (line.IndexOfAnyExcept(" \t\r"u8) >= 0)
                return true;
        }
        return false;
    }

    bool TryLine(out ReadOnlySpan<byte> line)
    {
        var searched = 0;
        while (true)
        {
            var unread = _buffer.AsSpan(_start, _end - _start);
            var length = unread[searched..].IndexOf((byte)'\n');
            if (length >= 0)
            {
                line = unread[..(searched + length)];
                _start += searched + length + 1;
                return true;
            }
            searched = unread.Length;
            if (unread.Length > longest)
                throw TooLong(Lines + 1, longest);
            if (_finished)
            {
                line = unread;
                _start = _end;
                return !line.IsEmpty;
            }
            unread.CopyTo(_buffer);
            (_start, _end) = (0, unread.Length);
            if (_end == _buffer.Length)
                Array.Resize(ref _buffer, 2 * _buffer.Length);
            var read = stream.Read(_buffer, _end, _buffer.Length - _end);
            _finished = read == 0;
            _end += read;
            BytesRead += read;
        }
    }

    public static ReplayException TooLong(long number, int longest) => new($"line {number}", $"is longer than {longest} bytes",
        "check that lines end with a newline; long argument lists are cut by the recorder");
}
