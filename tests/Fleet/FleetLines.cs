using System.Net;
using System.Text;
using System.Text.Json;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Tests.Fleet;

/// <summary>Events and labels as the JSON lines that <c>rgctl replay</c> reads.</summary>
static class FleetLines
{
    public static void Write(IEventSource source, Stream to)
    {
        var record = new EventRecord();
        using var writer = new Utf8JsonWriter(to, new JsonWriterOptions { SkipValidation = true });
        while (source.Read(record))
        {
            Write(record, writer);
            writer.Flush();
            to.WriteByte((byte)'\n');
            writer.Reset();
        }
    }

    public static void Write(Labels labels, Stream to)
    {
        foreach (var label in labels.All)
        {
            JsonSerializer.Serialize(to, new Dictionary<string, object>
            {
                ["container_id"] = label.ContainerId,
                ["from_unix_ns"] = label.FromNs,
                ["to_unix_ns"] = label.ToNs,
                ["technique"] = label.Technique,
                ["attack"] = label.Attack,
                ["incident"] = label.Incident,
            });
            to.WriteByte((byte)'\n');
        }
    }

    static void Write(EventRecord record, Utf8JsonWriter writer)
    {
        var container = record.Container;
        writer.WriteStartObject();
        writer.WriteNumber("time_unix_ns", record.TimeNs);
        writer.WriteString("node", container.Node);
        writer.WriteString("namespace", container.Namespace);
        writer.WriteString("image", container.Image);
        writer.WriteString("digest", container.Digest);
        writer.WriteStartObject("container");
        writer.WriteString("id", container.Id);
        writer.WriteString("name", container.Name);
        writer.WriteString("pod", container.Pod);
        writer.WriteNumber("started_unix_ns", container.StartedNs);
        writer.WriteEndObject();
        writer.WriteString("kind", RecordedKinds.NameOf(record.Kind));
        writer.WriteStartObject("process");
        writer.WriteNumber("pid", record.Pid);
        writer.WriteNumber("start_unix_ns", record.ProcessStartNs);
        writer.WriteNumber("ppid", record.ParentPid);
        writer.WriteString("exe", record.Exe.Text);
        writer.WriteStartArray("args");
        foreach (var argument in Encoding.UTF8.GetString(record.Arguments.Span).Split('\0', StringSplitOptions.RemoveEmptyEntries))
            writer.WriteStringValue(argument);
        writer.WriteEndArray();
        writer.WriteNumber("uid", record.Uid);
        writer.WriteEndObject();
        writer.WriteStartObject("object");
        writer.WriteString("path", record.Path.Span);
        writer.WriteString("path2", record.Path2.Span);
        writer.WriteStartArray("flags");
        foreach (var name in RecordedFlags.NamesOf(record.Flags))
            writer.WriteStringValue(name);
        writer.WriteEndArray();
        writer.WriteString("remote", record.Peer.IsEmpty ? "" : new IPAddress(record.Peer.Span).ToString());
        writer.WriteNumber("port", record.Port);
        writer.WriteString("proto", record.Protocol == 6 ? "tcp" : record.Protocol == 17 ? "udp" : "");
        writer.WriteString("name", "");
        writer.WriteNumber("mode", record.Mode);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
