using System.Net;
using System.Text.Json;

namespace RuntimeGuard.Models.Replay;

/// <summary>
/// Reads one JSON line of an event recording (the schema is in the README of models) into an <see cref="EventRecord"/>.
/// Everything is bounded; unknown fields are passed over; a line that cannot be used is a <see cref="ReplayException"/> and never
/// anything else. A line of known names allocates nothing. One thread at a time.
/// </summary>
public sealed partial class EventLine
{
    /// <summary>In bytes, without its end.</summary>
    public const int LongestLine = 256 * 1024;

    public const int LongestPath = 4096;
    public const int LongestName = 256;
    const int Deepest = 8;
    const int InternLimit = 1 << 16;
    const string Schema = "the fields are listed by: rgctl replay --help";

    static readonly JsonReaderOptions Options = new() { MaxDepth = Deepest };

    readonly byte[] _identity = new byte[8 * (RecordedContainer.LongestText + 1)];
    readonly Intern<InternedText> _executables = new(InternLimit);
    readonly Intern<byte[]> _peers = new(InternLimit);
    readonly Intern<RecordedContainer> _identities = new(InternLimit);
    readonly Dictionary<(string Node, string Id), RecordedContainer> _containers = [];
    byte[] _texts = new byte[4096]; // holds a whole line: no text is longer unescaped than escaped
    int _used;
    long _line;
    Fields _fields;

    /// <summary>Where the texts of the line being read lie in the buffer of texts.</summary>
    struct Fields
    {
        public Slice Node, Namespace, Image, Digest, Id, ContainerName, Pod, Exe, Arguments, Path, Path2, Remote, Proto, Name;
        public long StartedNs;
        public bool Runs, HasTime, HasPid, HasPort;
        public List<string>? SecretMounts;
    }

    readonly record struct Slice(int Start, int Length);

    /// <param name="number">Of the line, for messages.</param>
    /// <param name="into">Its spans of text are valid until the next call.</param>
    /// <exception cref="ReplayException">The line cannot be used.</exception>
    public void Parse(ReadOnlySpan<byte> line, long number, EventRecord into)
    {
        (_line, _used, _fields) = (number, 0, default);
        into.Clear();
        if (line.Length > LongestLine)
            throw LineReader.TooLong(number, LongestLine);
        if (_texts.Length < line.Length)
            _texts = new byte[Math.Max(2 * _texts.Length, line.Length)];
        var reader = new Utf8JsonReader(line, Options);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw Wrong("is no JSON object", "write one object per line");
            Root(ref reader, into);
            if (reader.Read())
                throw Wrong("holds more than one JSON object", "write one object per line");
        }
        catch (JsonException error)
        {
            throw new ReplayException($"line {number}", $"is no valid JSON at byte {error.BytePositionInLine}",
                $"write one object per line, at most {Deepest} deep; a cut last line means a cut recording", error);
        }
        catch (InvalidOperationException error)
        {
            throw new ReplayException($"line {number}", "holds an escape that is no character (half a surrogate pair)",
                "write the text as UTF-8", error);
        }
        Resolve(into);
    }

    ReplayException Wrong(string problem, string remedy) => new($"line {_line}", problem, remedy);

    ReplayException Missing(string field) => Wrong($"{field} is missing", Schema);

    void Resolve(EventRecord into)
    {
        ref readonly var f = ref _fields;
        if (into.Kind == RecordedKind.None)
            throw Missing("kind");
        if (!f.HasTime)
            throw Missing("time_unix_ns");
        if (!f.HasPid)
            throw Missing("process.pid");
        into.Container = Container();
        if (f.Exe.Length == 0 && into.Kind is not (RecordedKind.Exit or RecordedKind.Fork))
            throw Missing("process.exe");
        into.Exe = Executable(f.Exe);
        into.Arguments = Memory(f.Arguments);
        into.Path = Memory(f.Path);
        into.Path2 = Memory(f.Path2);
        into.Name = Memory(f.Name);
        Peer(into);
        RequireObject(into);
    }

    /// <summary>What an event of this kind is about must be there: a converter's mistake is not a quiet workload.</summary>
    void RequireObject(EventRecord into)
    {
        switch (into.Kind)
        {
            case RecordedKind.Exec when into.Path.IsEmpty:
                into.Path = into.Exe.Bytes;
                break;
            case RecordedKind.Exec:
                into.Exe = Executable(_fields.Path);
                break;
            case >= RecordedKind.Open and <= RecordedKind.Mount when into.Path.IsEmpty:
                throw Missing("object.path");
            case RecordedKind.Connect or RecordedKind.Send when into.Peer.IsEmpty && into.Protocol != 0:
                throw Missing("object.remote");
            case RecordedKind.Listen when into.Protocol != 0 && !_fields.HasPort:
                throw Missing("object.port");
            case RecordedKind.Dns when into.Name.IsEmpty:
                throw Missing("object.name");
        }
        if (into.Path2.IsEmpty && into.Kind is RecordedKind.Rename or RecordedKind.Link or RecordedKind.Symlink)
            throw Missing("object.path2");
    }

    RecordedContainer Container()
    {
        ref readonly var f = ref _fields;
        var identity = new ByteWriter(_identity);
        foreach (var part in (ReadOnlySpan<Slice>)[f.Node, f.Namespace, f.Image, f.Digest, f.Id, f.ContainerName, f.Pod])
        {
            identity.Add(Text(part));
            identity.Add(0);
        }
        if (_identities.TryGet(identity.Written, out var known))
            return known;
        if (f.Id.Length == 0)
            throw Missing("container.id");
        if (f.Namespace.Length == 0)
            throw Missing("namespace");
        if (f.Image.Length == 0)
            throw Missing("image");
        var made = new RecordedContainer(String(f.Node), String(f.Namespace), String(f.Image), String(f.Digest), String(f.Id),
            String(f.ContainerName), String(f.Pod), f.StartedNs)
        {
            RunsToCompletion = f.Runs,
            SecretMounts = f.SecretMounts ?? [],
        };
        // Another spelling of one that is known, e.g. without its name: the first one holds.
        if (_containers.TryGetValue((made.Node, made.Id), out var first))
        {
            if (first.Workload != made.Workload)
                throw Wrong($"container {Shown(Text(f.Id))} is of {Shown(made)} here and was of {Shown(first)} before",
                    "one container id belongs to one image and namespace; check the converter");
            made = first;
        }
        else if (_containers.Count >= RecordingFormat.MostContainers)
            throw Wrong($"names more than {RecordingFormat.MostContainers} containers", "split the recording by time or by node");
        else
            _containers.Add((made.Node, made.Id), made);
        return _identities.Add(identity.Written, made);
    }

    void Peer(EventRecord into)
    {
        var proto = Text(_fields.Proto);
        var remote = Text(_fields.Remote);
        into.Protocol = proto.Length == 0 ? (byte)(remote.IsEmpty && into.Port == 0 ? 0 : 6)
            : proto.SequenceEqual("tcp"u8) ? (byte)6
            : proto.SequenceEqual("udp"u8) ? (byte)17
            : proto.SequenceEqual("unix"u8) ? (byte)0
            : proto.SequenceEqual("sctp"u8) ? (byte)132
            : proto.SequenceEqual("icmp"u8) ? (byte)1
            : proto.SequenceEqual("icmp6"u8) ? (byte)58
            : throw Wrong($"object.proto '{Shown(proto)}' is not known", "write tcp, udp, sctp, icmp, icmp6 or unix");
        if (remote.IsEmpty)
            return;
        if (_peers.TryGet(remote, out var known))
        {
            into.Peer = known;
            return;
        }
        // "1" and "0x7f.1" are addresses to a C library and mistakes here.
        if (remote.IndexOfAny((byte)'.', (byte)':') < 0 || remote.Contains((byte)'%') || !IPAddress.TryParse(remote, out var address))
            throw Wrong($"object.remote '{Shown(remote)}' is no IP address", "names go into object.name, ports into object.port");
        into.Peer = _peers.Add(remote, address.GetAddressBytes());
    }

    InternedText Executable(Slice slice)
    {
        var text = Text(slice);
        if (text.IsEmpty)
            return InternedText.Empty;
        return _executables.TryGet(text, out var known) ? known : _executables.Add(text, new InternedText(text.ToArray()));
    }

    ReadOnlySpan<byte> Text(Slice slice) => _texts.AsSpan(slice.Start, slice.Length);

    ReadOnlyMemory<byte> Memory(Slice slice) => _texts.AsMemory(slice.Start, slice.Length);

    string String(Slice slice) => System.Text.Encoding.UTF8.GetString(Text(slice));

    static string Shown(RecordedContainer container) =>
        Shown(System.Text.Encoding.UTF8.GetBytes(container.Workload.ToString()));

    static string Shown(ReadOnlySpan<byte> text) => PrintableText.Of(text, 80);
}
