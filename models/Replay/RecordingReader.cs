using System.Buffers.Binary;
using System.IO.Hashing;

namespace RuntimeGuard.Models.Replay;

/// <summary>
/// Reads a binary recording (<see cref="RecordingFormat"/>). Every length, number and hash is checked: a damaged, cut or
/// hostile file is a <see cref="ReplayException"/> that names the block. Memory is bounded by the format's limits whatever the
/// file holds. The stream stays the caller's.
/// </summary>
public sealed class RecordingReader : IEventSource
{
    const string Again = "copy or record it again";

    readonly Stream _stream;
    readonly List<InternedText> _texts = [];
    readonly List<RecordedContainer> _containers = [];
    byte[] _block = []; // as large as the largest block so far
    long _textBytes, _blocks, _events, _blockAt, _lastTimeNs;
    uint _leftInBlock;
    int _at, _end;
    bool _finished;

    /// <exception cref="ReplayException">This is no recording, or one of another version.</exception>
    public RecordingReader(Stream stream)
    {
        _stream = stream;
        Span<byte> header = stackalloc byte[RecordingFormat.HeaderBytes];
        if (Fill(header) < header.Length || !RecordingFormat.IsRecording(header))
            throw new ReplayException("", "this is no recording of events", "make one: rgctl replay record EVENTS.jsonl FILE");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version != RecordingFormat.Version)
            throw new ReplayException("", $"the recording has version {version}, this program reads {RecordingFormat.Version}",
                "record the JSON lines again with this program");
    }

    /// <summary>Bytes read so far.</summary>
    public long BytesRead { get; private set; }

    public bool Read(EventRecord record)
    {
        if (_at == _end && !NextBlock())
            return false;
        while (true)
        {
            var tag = Byte();
            if (tag == RecordingFormat.ContainerTag)
            {
                ReadContainer();
                if (_at == _end)
                    throw Damaged("ends with a container that has no event");
                continue;
            }
            if (tag is 0 or >= RecordedKinds.Count)
                throw Damaged($"holds an entry of the unknown kind {tag}");
            ReadEvent((RecordedKind)tag, record);
            if (_leftInBlock-- == 0 || (_at == _end && _leftInBlock != 0))
                throw Damaged("holds another number of events than it says");
            _events++;
            return true;
        }
    }

    void ReadEvent(RecordedKind kind, EventRecord record)
    {
        record.Clear();
        record.Kind = kind;
        var fields = (RecordedField)Byte();
        var container = Varint(int.MaxValue);
        if (container >= (ulong)_containers.Count)
            throw Damaged($"names container {container} of {_containers.Count}");
        record.Container = _containers[(int)container];
        record.TimeNs = _lastTimeNs = Positive(unchecked(_lastTimeNs + Zigzag()));
        record.Pid = (uint)Varint(uint.MaxValue);
        record.ParentPid = (uint)Varint(uint.MaxValue);
        record.Uid = (uint)Varint(uint.MaxValue);
        record.Exe = Executable();
        if ((fields & RecordedField.Start) != 0)
            record.ProcessStartNs = Positive(unchecked(record.TimeNs - Zigzag()));
        if ((fields & RecordedField.Arguments) != 0)
            record.Arguments = Text(out _);
        if ((fields & RecordedField.Path) != 0)
            record.Path = Text(out _);
        if ((fields & RecordedField.Path2) != 0)
            record.Path2 = Text(out _);
        if ((fields & RecordedField.Name) != 0)
            record.Name = Text(out _);
        if ((fields & RecordedField.Network) != 0)
        {
            record.Peer = Text(out _);
            if (record.Peer.Length is not (0 or 4 or 16))
                throw Damaged($"holds an address of {record.Peer.Length} bytes");
            record.Port = (ushort)Varint(ushort.MaxValue);
            record.Protocol = Byte();
        }
        if ((fields & RecordedField.Mode) != 0)
            record.Mode = (uint)Varint(uint.MaxValue);
        if ((fields & RecordedField.Flags) != 0)
            record.Flags = (EventFlags)Varint(int.MaxValue) & RecordedFlags.All;
    }

    void ReadContainer()
    {
        if (_containers.Count >= RecordingFormat.MostContainers)
            throw Damaged($"defines more than {RecordingFormat.MostContainers} containers");
        var texts = new string[7];
        for (var i = 0; i < texts.Length; i++)
            texts[i] = String(RecordedContainer.LongestText);
        var started = Positive((long)Varint(long.MaxValue));
        var runs = Byte() != 0;
        var mounts = new string[(int)Varint(RecordingFormat.MostSecretMounts)];
        for (var i = 0; i < mounts.Length; i++)
            mounts[i] = String(EventLine.LongestPath);
        _containers.Add(new RecordedContainer(texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], started)
        {
            RunsToCompletion = runs,
            SecretMounts = mounts,
        });
    }

    InternedText Executable()
    {
        var bytes = Text(out var known);
        return known ?? new InternedText(bytes.ToArray());
    }

    ReadOnlyMemory<byte> Text(out InternedText? known)
    {
        var number = Varint(int.MaxValue);
        if (number >= RecordingFormat.FirstKnownText)
        {
            if (number - RecordingFormat.FirstKnownText >= (ulong)_texts.Count)
                throw Damaged($"names text {number - RecordingFormat.FirstKnownText} of {_texts.Count}");
            known = _texts[(int)number - RecordingFormat.FirstKnownText];
            return known.Bytes;
        }
        var text = Bytes(RecordingFormat.LongestText);
        known = null;
        if (number == RecordingFormat.LooseText)
            return text;
        _textBytes += text.Length;
        if (_texts.Count >= RecordingFormat.MostTexts || _textBytes > RecordingFormat.MostTextBytes)
            throw Damaged("remembers more texts than the format allows");
        _texts.Add(known = new InternedText(text.ToArray()));
        return known.Bytes;
    }

    string String(int most) => System.Text.Encoding.UTF8.GetString(Bytes(most).Span);

    ReadOnlyMemory<byte> Bytes(int most)
    {
        var length = (int)Varint((ulong)most);
        if (length > _end - _at)
            throw Damaged("holds a text that is longer than the block");
        _at += length;
        return _block.AsMemory(_at - length, length);
    }

    byte Byte() => _at < _end ? _block[_at++] : throw Damaged("ends within an entry");

    long Zigzag()
    {
        var value = Varint(ulong.MaxValue);
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    ulong Varint(ulong most)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var part = Byte();
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value <= most ? value : throw Damaged($"holds the number {value} where {most} is the largest");
        }
        throw Damaged("holds a number of more than 64 bits");
    }

    long Positive(long timeNs) => timeNs >= 0 ? timeNs : throw Damaged("holds a time before 1970 or after 2262");

    bool NextBlock()
    {
        if (_finished)
            return false;
        if (_leftInBlock != 0)
            throw Damaged("holds another number of events than it says");
        _blockAt = BytesRead;
        Span<byte> header = stackalloc byte[RecordingFormat.BlockHeaderBytes];
        if (Fill(header) < header.Length)
            throw Damaged("the recording ends without its end mark: it was cut, or its recorder did not finish");
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header);
        var hash = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        _leftInBlock = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        if (length == 0)
        {
            if (_leftInBlock != 0 || hash != (ulong)_events)
                throw Damaged($"the end mark counts {hash} events, the recording holds {_events}");
            _finished = true;
            return false;
        }
        if (length > RecordingFormat.LongestBlock || _leftInBlock == 0 || _leftInBlock > length)
            throw Damaged($"claims {length} bytes with {_leftInBlock} events");
        if (_block.Length < length)
            _block = new byte[length];
        var payload = _block.AsSpan(0, (int)length);
        if (Fill(payload) < payload.Length)
            throw Damaged($"is cut short of its {length} bytes");
        if (XxHash64.HashToUInt64(payload, _blocks++) != hash)
            throw Damaged("does not match its hash");
        (_at, _end) = (0, payload.Length);
        return true;
    }

    int Fill(Span<byte> to)
    {
        var read = _stream.ReadAtLeast(to, to.Length, throwOnEndOfStream: false);
        BytesRead += read;
        return read;
    }

    ReplayException Damaged(string problem) => new($"block at byte {_blockAt}", problem, Again);
}
