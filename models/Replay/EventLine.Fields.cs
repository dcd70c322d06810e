using System.Text.Json;

namespace RuntimeGuard.Models.Replay;

public sealed partial class EventLine
{
    void Root(ref Utf8JsonReader reader, EventRecord into)
    {
        while (Next(ref reader))
        {
            if (Is(ref reader, "time_unix_ns"u8))
                (into.TimeNs, _fields.HasTime) = (Number(ref reader, "time_unix_ns", long.MaxValue), true);
            else if (Is(ref reader, "node"u8))
                _fields.Node = Text(ref reader, "node", RecordedContainer.LongestText);
            else if (Is(ref reader, "namespace"u8))
                _fields.Namespace = Text(ref reader, "namespace", RecordedContainer.LongestText);
            else if (Is(ref reader, "image"u8))
                _fields.Image = Text(ref reader, "image", RecordedContainer.LongestText);
            else if (Is(ref reader, "digest"u8))
                _fields.Digest = Text(ref reader, "digest", RecordedContainer.LongestText);
            else if (Is(ref reader, "container"u8))
                ReadContainer(ref reader);
            else if (Is(ref reader, "kind"u8))
                into.Kind = Kind(ref reader);
            else if (Is(ref reader, "process"u8))
                ReadProcess(ref reader, into);
            else if (Is(ref reader, "object"u8))
                ReadObject(ref reader, into);
            else
                Pass(ref reader);
        }
    }

    void ReadContainer(ref Utf8JsonReader reader)
    {
        Enter(ref reader, "container");
        while (Next(ref reader))
        {
            if (Is(ref reader, "id"u8))
                _fields.Id = Text(ref reader, "container.id", RecordedContainer.LongestText);
            else if (Is(ref reader, "name"u8))
                _fields.ContainerName = Text(ref reader, "container.name", RecordedContainer.LongestText);
            else if (Is(ref reader, "pod"u8))
                _fields.Pod = Text(ref reader, "container.pod", RecordedContainer.LongestText);
            else if (Is(ref reader, "started_unix_ns"u8))
                _fields.StartedNs = Number(ref reader, "container.started_unix_ns", long.MaxValue);
            else if (Is(ref reader, "runs_to_completion"u8))
                _fields.Runs = Truth(ref reader, "container.runs_to_completion");
            else if (Is(ref reader, "secret_mounts"u8))
                ReadSecretMounts(ref reader);
            else
                Pass(ref reader);
        }
    }

    void ReadProcess(ref Utf8JsonReader reader, EventRecord into)
    {
        Enter(ref reader, "process");
        while (Next(ref reader))
        {
            if (Is(ref reader, "pid"u8))
                (into.Pid, _fields.HasPid) = ((uint)Number(ref reader, "process.pid", uint.MaxValue), true);
            else if (Is(ref reader, "start_unix_ns"u8))
                into.ProcessStartNs = Number(ref reader, "process.start_unix_ns", long.MaxValue);
            else if (Is(ref reader, "ppid"u8))
                into.ParentPid = (uint)Number(ref reader, "process.ppid", uint.MaxValue);
            else if (Is(ref reader, "exe"u8))
                _fields.Exe = Text(ref reader, "process.exe", LongestPath);
            else if (Is(ref reader, "args"u8))
                ReadArguments(ref reader);
            else if (Is(ref reader, "uid"u8))
                into.Uid = (uint)Number(ref reader, "process.uid", uint.MaxValue);
            else
                Pass(ref reader);
        }
    }

    void ReadObject(ref Utf8JsonReader reader, EventRecord into)
    {
        Enter(ref reader, "object");
        while (Next(ref reader))
        {
            if (Is(ref reader, "path"u8))
                _fields.Path = Text(ref reader, "object.path", LongestPath);
            else if (Is(ref reader, "path2"u8))
                _fields.Path2 = Text(ref reader, "object.path2", LongestPath);
            else if (Is(ref reader, "flags"u8))
                ReadFlags(ref reader, into);
            else if (Is(ref reader, "remote"u8))
                _fields.Remote = Text(ref reader, "object.remote", LongestName);
            else if (Is(ref reader, "port"u8))
                (into.Port, _fields.HasPort) = ((ushort)Number(ref reader, "object.port", ushort.MaxValue), true);
            else if (Is(ref reader, "proto"u8))
                _fields.Proto = Text(ref reader, "object.proto", LongestName);
            else if (Is(ref reader, "name"u8))
                _fields.Name = Text(ref reader, "object.name", LongestName);
            else if (Is(ref reader, "mode"u8))
                into.Mode = (uint)Number(ref reader, "object.mode", uint.MaxValue);
            else
                Pass(ref reader);
        }
    }

    void ReadArguments(ref Utf8JsonReader reader)
    {
        var start = _used;
        EnterList(ref reader, "process.args");
        while (NextItem(ref reader, "process.args"))
        {
            Copy(ref reader, "process.args", LongestLine);
            _texts[_used++] = 0;
        }
        _fields.Arguments = new Slice(start, _used - start);
    }

    void ReadFlags(ref Utf8JsonReader reader, EventRecord into)
    {
        EnterList(ref reader, "object.flags");
        while (NextItem(ref reader, "object.flags"))
        {
            var used = _used;
            into.Flags |= RecordedFlags.Parse(Text(Copy(ref reader, "object.flags", LongestName)));
            _used = used;
        }
    }

    void ReadSecretMounts(ref Utf8JsonReader reader)
    {
        EnterList(ref reader, "container.secret_mounts");
        var mounts = new List<string>();
        while (NextItem(ref reader, "container.secret_mounts"))
            mounts.Add(String(Copy(ref reader, "container.secret_mounts", LongestPath)));
        _fields.SecretMounts = mounts;
    }

    RecordedKind Kind(ref Utf8JsonReader reader)
    {
        var name = Text(ref reader, "kind", LongestName);
        var kind = RecordedKinds.Parse(Text(name));
        return kind != RecordedKind.None ? kind
            : throw Wrong($"kind '{Shown(Text(name))}' is not known", $"kinds are {RecordedKinds.AllNames}");
    }

    /// <summary>On the next property's name; false at the end of the object.</summary>
    static bool Next(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.PropertyName;

    static bool Is(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) => reader.ValueTextEquals(name);

    /// <summary>Past the value of a field that is not ours.</summary>
    static void Pass(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }

    void Enter(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Wrong($"{field} is no object", Schema);
    }

    void EnterList(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Wrong($"{field} is no list", $"write {field} as a list of texts");
    }

    bool NextItem(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.EndArray => false,
            JsonTokenType.String => true,
            _ => throw Wrong($"{field} holds something that is no text", $"write {field} as a list of texts"),
        };
    }

    long Number(ref Utf8JsonReader reader, string field, long most)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) && value >= 0 && value <= most
            ? value
            : throw Wrong($"{field} is no whole number between 0 and {most}",
                field.EndsWith("_ns", StringComparison.Ordinal) ? "write Unix nanoseconds as a number" : Schema);
    }

    bool Truth(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        return reader.TokenType is JsonTokenType.True or JsonTokenType.False
            ? reader.GetBoolean()
            : throw Wrong($"{field} is neither true nor false", Schema);
    }

    Slice Text(ref Utf8JsonReader reader, string field, int most)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.String => Copy(ref reader, field, most),
            JsonTokenType.Null => default,
            _ => throw Wrong($"{field} is no text", Schema),
        };
    }

    /// <summary>The text the reader is on, into the buffer of texts, which holds a whole line.</summary>
    Slice Copy(ref Utf8JsonReader reader, string field, int most)
    {
        var start = _used;
        var to = _texts.AsSpan(start);
        if (!reader.ValueIsEscaped)
        {
            reader.ValueSpan.CopyTo(to);
            _used += reader.ValueSpan.Length;
        }
        else
        {
            _used += reader.CopyString(to);
            // A zero byte ends an argument; no path and no argument of the kernel holds one.
            if (_texts.AsSpan(start, _used - start).Contains((byte)0))
                throw Wrong($"{field} holds a zero byte", "no path and no argument can hold one; check the converter");
        }
        return _used - start <= most ? new Slice(start, _used - start)
            : throw Wrong($"{field} is longer than {most} bytes", "cut it in the recorder and add the flag \"truncated\"");
    }
}
