using System.Text;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Recorded events in words.</summary>
static class ReplayEvents
{
    public const string Line = """
        {"time_unix_ns":1731000000000000000,"node":"n1","namespace":"shop","image":"docker.io/library/nginx:1.25","digest":"sha256:aa","container":{"id":"c1","name":"web","pod":"web-1","started_unix_ns":1730999999000000000},"kind":"open","process":{"pid":7,"start_unix_ns":1730999999500000000,"ppid":1,"exe":"/usr/sbin/nginx","args":["nginx","-g","daemon off;"],"uid":33},"object":{"path":"/etc/nginx/nginx.conf","path2":"","flags":["read"],"remote":"","port":0,"proto":"","name":""}}
        """;

    public static EventRecord Parse(string line)
    {
        var record = new EventRecord();
        new EventLine().Parse(Encoding.UTF8.GetBytes(line), 1, record);
        return record;
    }

    public static ReplayException Refusal(string line) => Assert.Throws<ReplayException>(() => { Parse(line); });

    public static IEventSource Lines(string text) => new EventLines(new MemoryStream(Encoding.UTF8.GetBytes(text)));

    public static byte[] Record(IEventSource source)
    {
        using var stream = new MemoryStream();
        var writer = new RecordingWriter(stream);
        var record = new EventRecord();
        while (source.Read(record))
            writer.Write(record);
        writer.Finish();
        return stream.ToArray();
    }

    public static IEventSource Recording(byte[] bytes) => new RecordingReader(new MemoryStream(bytes));

    public static List<string> Texts(IEventSource source)
    {
        var texts = new List<string>();
        var record = new EventRecord();
        while (source.Read(record))
            texts.Add(Text(record));
        return texts;
    }

    public static string Text(EventRecord r) => string.Join('|', r.TimeNs, r.Kind, r.Container.Node, r.Container.Workload,
        r.Container.Version, r.Container.Id, r.Container.Name, r.Container.Pod, r.Container.StartedNs, r.Container.RunsToCompletion,
        string.Join(',', r.Container.SecretMounts), r.Pid, r.ProcessStartNs, r.ParentPid, r.Uid, r.Exe.Text, Text(r.Arguments), Text(r.Path),
        Text(r.Path2), Text(r.Name), Convert.ToHexString(r.Peer.Span), r.Port, r.Protocol, r.Mode, r.Flags);

    static string Text(ReadOnlyMemory<byte> bytes) => Convert.ToHexString(bytes.Span);
}
