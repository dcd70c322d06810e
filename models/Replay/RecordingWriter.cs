using System.Buffers.Binary;
using System.IO.Hashing;

namespace RuntimeGuard.Models.Replay;

/// <summary>
/// Writes events as a binary recording (<see cref="RecordingFormat"/>). <see cref="Finish"/> completes it; without that the
/// file is a cut one and refused when read. The stream stays the caller's.
/// </summary>
public sealed class RecordingWriter
{
    readonly Stream _stream;
    readonly byte[] _block = new byte[RecordingFormat.LongestBlock];
    readonly Intern<int> _texts = new(RecordingFormat.MostTexts);
    readonly Dictionary<RecordedContainer, int> _containers = new(ReferenceEqualityComparer.Instance);
    long _textBytes, _blocks, _lastTimeNs;
    uint _inBlock;
    int _used;
    RecordedContainer? _lastContainer;
    int _lastIndex;

    public RecordingWriter(Stream stream)
    {
        _stream = stream;
        Span<byte> header = stackalloc byte[RecordingFormat.HeaderBytes];
        header.Clear();
        RecordingFormat.Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], RecordingFormat.Version);
        stream.Write(header);
    }

    /// <summary>Written so far.</summary>
    public long Events { get; private set; }

    public void Write(EventRecord record)
    {
        var container = IndexOf(record.Container);
        var fields = FieldsOf(record);
        Byte((byte)record.Kind);
        Byte((byte)fields);
        Varint((ulong)container);
        Zigzag(record.TimeNs - _lastTimeNs);
        _lastTimeNs = record.TimeNs;
        Varint(record.Pid);
        Varint(record.ParentPid);
        Varint(record.Uid);
        Text(record.Exe.Bytes.Span);
        if ((fields & RecordedField.Start) != 0)
            Zigzag(record.TimeNs - record.ProcessStartNs);
        if ((fields & RecordedField.Arguments) != 0)
            Text(record.Arguments.Span);
        if ((fields & RecordedField.Path) != 0)
            Text(record.Path.Span);
        if ((fields & RecordedField.Path2) != 0)
            Text(record.Path2.Span);
        if ((fields & RecordedField.Name) != 0)
            Text(record.Name.Span);
        if ((fields & RecordedField.Network) != 0)
        {
            Text(record.Peer.Span);
            Varint(record.Port);
            Byte(record.Protocol);
        }
        if ((fields & RecordedField.Mode) != 0)
            Varint(record.Mode);
        if ((fields & RecordedField.Flags) != 0)
            Varint((ulong)(record.Flags & RecordedFlags.All));
        Events++;
        _inBlock++;
        if (_used >= RecordingFormat.FullBlock)
            Flush();
    }

    /// <summary>Writes what is pending and the end of the recording; nothing may be written after it.</summary>
    public void Finish()
    {
        if (_used > 0)
            Flush();
        Header(0, 0, (ulong)Events);
        _stream.Flush();
    }

    static RecordedField FieldsOf(EventRecord record) =>
        (record.ProcessStartNs != 0 ? RecordedField.Start : 0)
        | (record.Arguments.IsEmpty ? 0 : RecordedField.Arguments)
        | (record.Path.IsEmpty ? 0 : RecordedField.Path)
        | (record.Path2.IsEmpty ? 0 : RecordedField.Path2)
        | (record.Name.IsEmpty ? 0 : RecordedField.Name)
        | (record.Protocol == 0 && record.Port == 0 && record.Peer.IsEmpty ? 0 : RecordedField.Network)
        | (record.Mode == 0 ? 0 : RecordedField.Mode)
        | ((record.Flags & RecordedFlags.All) == 0 ? 0 : RecordedField.Flags);

    int IndexOf(RecordedContainer container)
    {
        if (ReferenceEquals(container, _lastContainer))
            return _lastIndex;
        if (!_containers.TryGetValue(container, out var index))
        {
            _containers.Add(container, index = _containers.Count);
            Define(container);
        }
        (_lastContainer, _lastIndex) = (container, index);
        return index;
    }

    void Define(RecordedContainer container)
    {
        Byte(RecordingFormat.ContainerTag);
        foreach (var text in (ReadOnlySpan<string>)[container.Node, container.Namespace, container.Image, container.Digest,
            container.Id, container.Name, container.Pod])
            Bytes(System.Text.Encoding.UTF8.GetBytes(text));
        Varint((ulong)container.StartedNs);
        Byte(container.RunsToCompletion ? (byte)1 : (byte)0);
        var mounts = Math.Min(container.SecretMounts.Count, RecordingFormat.MostSecretMounts);
        Varint((ulong)mounts);
        for (var i = 0; i < mounts; i++)
            Bytes(System.Text.Encoding.UTF8.GetBytes(container.SecretMounts[i]));
    }

    void Text(ReadOnlySpan<byte> text)
    {
        if (_texts.TryGet(text, out var known))
        {
            Varint((ulong)(known + RecordingFormat.FirstKnownText));
            return;
        }
        if (_texts.Count < RecordingFormat.MostTexts && _textBytes + text.Length <= RecordingFormat.MostTextBytes)
        {
            _texts.Add(text, _texts.Count);
            _textBytes += text.Length;
            Varint(RecordingFormat.NewText);
        }
        else
            Varint(RecordingFormat.LooseText);
        Bytes(text);
    }

    void Bytes(ReadOnlySpan<byte> bytes)
    {
        Varint((ulong)bytes.Length);
        bytes.CopyTo(_block.AsSpan(_used));
        _used += bytes.Length;
    }

    void Byte(byte value) => _block[_used++] = value;

    void Zigzag(long value) => Varint((ulong)((value << 1) ^ (value >> 63)));

    void Varint(ulong value)
    {
        while (value >= 0x80)
        {
            _block[_used++] = (byte)(value | 0x80);
            value >>= 7;
        }
        _block[_used++] = (byte)value;
    }

    void Flush()
    {
        var payload = _block.AsSpan(0, _used);
        Header((uint)_used, _inBlock, XxHash64.HashToUInt64(payload, _blocks++));
        _stream.Write(payload);
        (_used, _inBlock) = (0, 0);
    }

    void Header(uint length, uint events, ulong hash)
    {
        Span<byte> header = stackalloc byte[RecordingFormat.BlockHeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], events);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], hash);
        _stream.Write(header);
    }
}
