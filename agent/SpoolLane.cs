using System.Buffers.Binary;
using System.IO.Hashing;
using Google.Protobuf;
using Microsoft.Win32.SafeHandles;

namespace RuntimeGuard.Agent;

/// <summary>
/// One lane: a row of segment files named by the sequence number of their first item, each item framed as
/// length (4) | checksum (4) | payload. Drop policy: when full the newest is refused and counted, because the first
/// traces of an incident are worth more than its last; the caller turns the refusals into a gap record.
/// One writer and one reader at a time, guarded by a lock: both are tasks, neither is the event loop.
/// </summary>
sealed class SpoolLane : IDisposable
{
    const int FrameHeader = 8;
    const long SegmentBytes = 4 << 20;

    /// <summary>Larger than any item the agent makes; a length beyond it is damage.</summary>
    public const int MaxItemBytes = 1 << 20;

    readonly Lock _lock = new();
    readonly string _directory;
    readonly long _capacityBytes;
    readonly SortedList<ulong, long> _segments = [];  // first sequence number -> bytes
    SafeFileHandle _tail;
    (ulong Seq, ulong Segment, long Offset) _cursor;  // where the next unread item lies, when known
    SafeFileHandle? _reader;  // of the cursor's segment

    SpoolLane(string directory, long capacityBytes) => (_directory, _capacityBytes, _tail) = (directory, capacityBytes, null!);

    /// <summary>Sequence number the next appended item gets. The first item of a lane is 1.</summary>
    public ulong NextSeq { get; private set; }

    /// <summary>Lowest sequence number still on disk; equals <see cref="NextSeq"/> when nothing waits.</summary>
    public ulong FirstSeq { get; private set; }

    public long Bytes
    {
        get { lock (_lock) return _segments.Values.Sum(); }
    }

    /// <summary>Items cut off because their frame was damaged (torn by power loss).</summary>
    public long Torn { get; private set; }

    /// <exception cref="InvalidDataException">A sealed segment is damaged, or one is missing between others.</exception>
    public static SpoolLane Open(string directory, long capacityBytes)
    {
        Directory.CreateDirectory(directory);
        var lane = new SpoolLane(directory, capacityBytes);
        foreach (var path in Directory.EnumerateFiles(directory, "*.seg"))
            if (ulong.TryParse(Path.GetFileNameWithoutExtension(path), out var first) && first > 0)
                lane._segments.Add(first, new FileInfo(path).Length);
        if (lane._segments.Count == 0)
            lane._segments.Add(1, 0);
        var last = lane._segments.Keys[^1];
        lane.FirstSeq = lane._segments.Keys[0];
        for (var i = 0; i < lane._segments.Count - 1; i++)
            lane.VerifySealed(lane._segments.Keys[i], lane._segments.Keys[i + 1]);
        lane.OpenTail(last);
        (lane.NextSeq, var sound) = Scan(lane._tail, last, lane._segments[last]);
        lane.CutTorn(last, sound);
        return lane;
    }

    /// <summary>Appends one item; false when the lane is full.</summary>
    public bool TryAppend(IMessage item, bool durable)
    {
        var size = item.CalculateSize();
        if (size > MaxItemBytes)
            throw new ArgumentException($"an item of {size} bytes is larger than the {MaxItemBytes} a spool takes", nameof(item));
        var frame = new byte[FrameHeader + size];
        item.WriteTo(frame.AsSpan(FrameHeader));
        BinaryPrimitives.WriteInt32LittleEndian(frame, size);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Checksum(frame.AsSpan(FrameHeader)));
        lock (_lock)
        {
            if (_segments.Values.Sum() + frame.Length > _capacityBytes)
                return false;
            var tail = _segments.Keys[^1];
            if (_segments[tail] >= SegmentBytes)
            {
                // A write that failed half-way may have left bytes past the last item: a sealed segment has none.
                RandomAccess.SetLength(_tail, _segments[tail]);
                OpenTail(tail = NextSeq);
            }
            RandomAccess.Write(_tail, frame, _segments[tail]);
            _segments[tail] += frame.Length;
            NextSeq++;
            if (durable)
                RandomAccess.FlushToDisk(_tail);
            return true;
        }
    }

    /// <summary>Makes everything appended so far survive power loss.</summary>
    public void Flush()
    {
        lock (_lock)
            RandomAccess.FlushToDisk(_tail);
    }

    /// <summary>Reads up to the given number of items and bytes from a sequence number on, without forgetting them.</summary>
    public List<T> Read<T>(ulong fromSeq, int maxItems, int maxBytes, MessageParser<T> parser) where T : IMessage<T>
    {
        var items = new List<T>();
        lock (_lock)
        {
            Seek(fromSeq);
            while (items.Count < maxItems && maxBytes > 0 && _cursor.Seq < NextSeq)
            {
                var payload = ReadFrame();
                items.Add(parser.ParseFrom(payload));
                maxBytes -= payload.Length;
            }
        }
        return items;
    }

    /// <summary>
    /// Everything up to the number is durable at the collector: segments that hold nothing newer are deleted. A number
    /// beyond what this disk remembers (it lost its last items) moves the lane past it, so that no number is used twice.
    /// </summary>
    public void Acknowledge(ulong seq)
    {
        lock (_lock)
        {
            if (seq >= NextSeq)
                NextSeq = seq + 1;
            FirstSeq = Math.Max(FirstSeq, seq + 1);
            if (FirstSeq == NextSeq && (_segments.Count > 1 || _segments.Values[0] > 0) && !_segments.ContainsKey(NextSeq))
                OpenTail(NextSeq);
            while (_segments.Count > 1 && _segments.Keys[1] <= FirstSeq)
            {
                _cursor = default;
                File.Delete(SegmentPath(_segments.Keys[0]));
                _segments.RemoveAt(0);
            }
        }
    }

    void Seek(ulong seq)
    {
        if (_reader is not null && _cursor.Seq == seq && _segments.ContainsKey(_cursor.Segment))
            return;
        var index = _segments.Count - 1;
        while (index > 0 && _segments.Keys[index] > seq)
            index--;
        MoveCursor(_segments.Keys[index], _segments.Keys[index]);
        while (_cursor.Seq < seq && _cursor.Seq < NextSeq)
            ReadFrame();
    }

    byte[] ReadFrame()
    {
        if (_cursor.Offset >= _segments[_cursor.Segment])
            MoveCursor(_cursor.Seq, _segments.Keys[_segments.IndexOfKey(_cursor.Segment) + 1]);
        if (!TryReadFrame(_reader!, _cursor.Offset, out var payload))
            throw new InvalidDataException(
                $"{SegmentPath(_cursor.Segment)} is damaged at byte {_cursor.Offset}; restart the agent, which sets a damaged spool aside");
        _cursor = (_cursor.Seq + 1, _cursor.Segment, _cursor.Offset + FrameHeader + payload.Length);
        return payload;
    }

    void MoveCursor(ulong seq, ulong segment)
    {
        _reader?.Dispose();
        _reader = File.OpenHandle(SegmentPath(segment), share: FileShare.ReadWrite | FileShare.Delete);
        _cursor = (seq, segment, 0);
    }

    static bool TryReadFrame(SafeFileHandle file, long offset, out byte[] payload)
    {
        Span<byte> header = stackalloc byte[FrameHeader];
        payload = [];
        if (RandomAccess.Read(file, header, offset) < FrameHeader)
            return false;
        var length = BinaryPrimitives.ReadInt32LittleEndian(header);
        if (length is < 0 or > MaxItemBytes)
            return false;
        payload = new byte[length];
        return RandomAccess.Read(file, payload, offset + FrameHeader) == length
            && Checksum(payload) == BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
    }

    void VerifySealed(ulong segment, ulong next)
    {
        using var file = File.OpenHandle(SegmentPath(segment));
        if (Scan(file, segment, _segments[segment]) is var (seq, sound) && (seq != next || sound != _segments[segment]))
            throw new InvalidDataException($"{SegmentPath(segment)} is damaged at byte {sound}");
    }

    /// <summary>The number after the last sound item, and where the sound part ends.</summary>
    static (ulong Seq, long Bytes) Scan(SafeFileHandle file, ulong first, long length)
    {
        var (seq, offset) = (first, 0L);
        while (offset < length && TryReadFrame(file, offset, out var payload))
        {
            offset += FrameHeader + payload.Length;
            seq++;
        }
        return (seq, offset);
    }

    void CutTorn(ulong segment, long sound)
    {
        if (sound == _segments[segment])
            return;
        Torn++;
        RandomAccess.SetLength(_tail, sound);
        _segments[segment] = sound;
    }

    void OpenTail(ulong first)
    {
        // Opened before the old one is let go: where the disk is full, the lane stays as it was.
        var opened = File.OpenHandle(SegmentPath(first), FileMode.OpenOrCreate, FileAccess.ReadWrite,
            FileShare.ReadWrite | FileShare.Delete);
        _tail?.Dispose();
        _tail = opened;
        _segments.TryAdd(first, 0);
    }

    string SegmentPath(ulong first) => Path.Combine(_directory, $"{first:D20}.seg");

    static uint Checksum(ReadOnlySpan<byte> payload) => Crc32.HashToUInt32(payload);

    public void Dispose()
    {
        _reader?.Dispose();
        _tail.Dispose();
    }
}
