using System.Text;
using CsCheck;
using RuntimeGuard.Models;
using RuntimeGuard.Models.Replay;
using static RuntimeGuard.Tests.Unit.Models.ReplayEvents;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class ReplayEventLineTests
{
    static readonly string[] Fragments =
    [
        "{", "}", "[", "]", "\"", ":", ",", "null", "true", "-1", "1e9", "9223372036854775808", "\\u0000", "\\ud800", "\\", "\"kind\"",
        "\"exec\"", "\"process\"", "\"args\"", "\n", "\0", "\u00e9", "10.0.0.1", "::1", "0", "\"object\":{", "\"container\":{",
    ];

    static readonly Gen<byte[]> Hostile = Gen.Frequency(
        (1, Gen.Byte.Array[0, 200]),
        (2, Gen.OneOf([.. Fragments.Select(Gen.Const)]).Array[0, 30].Select(parts => Encoding.UTF8.GetBytes(string.Concat(parts)))),
        (4, Mutated()));

    [Fact]
    public void A_line_of_the_schema_is_read_whole()
    {
        var record = Parse(Line);
        Assert.Equal(1731000000000000000, record.TimeNs);
        Assert.Equal(RecordedKind.Open, record.Kind);
        Assert.Equal(("n1", "c1", "web", "web-1"), (record.Container.Node, record.Container.Id, record.Container.Name, record.Container.Pod));
        Assert.Equal(new WorkloadKey("shop", "docker.io/library/nginx"), record.Container.Workload);
        Assert.Equal("sha256:aa", record.Container.Version);
        Assert.Equal((7u, 1u, 33u, 1730999999500000000), (record.Pid, record.ParentPid, record.Uid, record.ProcessStartNs));
        Assert.Equal("/usr/sbin/nginx", record.Exe.Text);
        Assert.Equal("nginx\0-g\0daemon off;\0", Encoding.UTF8.GetString(record.Arguments.Span));
        Assert.Equal("/etc/nginx/nginx.conf", Encoding.UTF8.GetString(record.Path.Span));
    }

    [Theory]
    [InlineData("nginx", "nginx", "")]
    [InlineData("nginx:1.25", "nginx", "1.25")]
    [InlineData("reg:5000/a/b", "reg:5000/a/b", "")]
    [InlineData("reg:5000/a/b:v1", "reg:5000/a/b", "v1")]
    [InlineData("a/b@sha256:0123", "a/b", "sha256:0123")]
    [InlineData("a/b:v1@sha256:0123", "a/b", "v1@sha256:0123")]
    public void Tag_and_digest_are_versions_and_no_part_of_the_workload(string image, string repository, string version)
    {
        var container = Parse(Line.Replace("docker.io/library/nginx:1.25", image).Replace("sha256:aa", "")).Container;
        Assert.Equal((repository, version), (container.Workload.Image, container.Version));
    }

    [Theory]
    [InlineData("10.0.0.5", "tcp", "0A000005", 6)]
    [InlineData("2001:db8::1", "udp", "20010DB8000000000000000000000001", 17)]
    [InlineData("10.0.0.5", "", "0A000005", 6)]
    public void Peers_are_bytes(string remote, string proto, string peer, byte protocol)
    {
        var record = Parse(Line.Replace("\"open\"", "\"connect\"").Replace("\"remote\":\"\",\"port\":0,\"proto\":\"\"",
            $"\"remote\":\"{remote}\",\"port\":443,\"proto\":\"{proto}\""));
        Assert.Equal((peer, protocol, (ushort)443), (Convert.ToHexString(record.Peer.Span), record.Protocol, record.Port));
    }

    [Fact]
    public void Every_kind_has_one_name_and_what_the_models_lack_is_not_judged()
    {
        foreach (var kind in Enum.GetValues<RecordedKind>().Where(kind => kind != RecordedKind.None))
        {
            var record = Parse(Line.Replace("\"open\"", $"\"{RecordedKinds.NameOf(kind)}\"").Replace("\"path2\":\"\"", "\"path2\":\"/b\"")
                .Replace("\"remote\":\"\",\"port\":0", "\"remote\":\"1.2.3.4\",\"port\":5").Replace("\"name\":\"\"", "\"name\":\"a.b\""));
            Assert.Equal(kind, record.Kind);
        }
        Assert.Equal(RuntimeGuard.Proto.EventKind.Dns, RecordedKinds.Judged(RecordedKind.Dns));
        Assert.Equal(RuntimeGuard.Proto.EventKind.Unspecified, RecordedKinds.Judged(RecordedKind.Setuid));
    }

    [Fact]
    public void Flags_of_the_models_are_taken_and_others_ignored() => Assert.Equal(EventFlags.NotInImage | EventFlags.Failed,
        Parse(Line.Replace("[\"read\"]", "[\"read\",\"not_in_image\",\"O_CLOEXEC\",\"failed\"]")).Flags);

    [Theory]
    [InlineData("", "is no valid JSON")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("{}{}", "is no valid JSON")]
    [InlineData("{", "is no valid JSON")]
    [InlineData("{\"a\":[[[[[[[[[1]]]]]]]]]}", "is no valid JSON")]
    [InlineData("{}", "kind is missing")]
    [InlineData("{\"kind\":\"open\"}", "time_unix_ns is missing")]
    [InlineData("{\"kind\":\"fly\"}", "kind 'fly' is not known")]
    [InlineData("{\"kind\":7}", "kind is no text")]
    [InlineData("{\"kind\":\"\\ud800\"}", "half a surrogate pair")]
    [InlineData("{\"time_unix_ns\":-1}", "time_unix_ns is no whole number")]
    [InlineData("{\"time_unix_ns\":1.5}", "time_unix_ns is no whole number")]
    [InlineData("{\"time_unix_ns\":\"1\"}", "time_unix_ns is no whole number")]
    [InlineData("{\"container\":7}", "container is no object")]
    [InlineData("{\"process\":{\"args\":\"x\"}}", "process.args is no list")]
    [InlineData("{\"process\":{\"args\":[1]}}", "holds something that is no text")]
    [InlineData("{\"process\":{\"args\":[\"a\\u0000b\"]}}", "holds a zero byte")]
    [InlineData("{\"process\":{\"pid\":4294967296}}", "process.pid is no whole number")]
    [InlineData("{\"object\":{\"port\":65536}}", "object.port is no whole number")]
    public void A_malformed_line_says_where_what_and_what_to_do(string line, string problem)
    {
        var refusal = Refusal(line);
        Assert.StartsWith("line 1: ", refusal.Message);
        Assert.Contains(problem, refusal.Message);
        Assert.NotEmpty(refusal.Remedy);
    }

    [Theory]
    [InlineData("\"id\":\"c1\"", "\"id\":\"\"", "container.id is missing")]
    [InlineData("\"namespace\":\"shop\"", "\"namespace\":null", "namespace is missing")]
    [InlineData("\"exe\":\"/usr/sbin/nginx\"", "\"exec\":\"x\"", "process.exe is missing")]
    [InlineData("\"pid\":7", "\"tid\":7", "process.pid is missing")]
    [InlineData("\"path\":\"/etc/nginx/nginx.conf\"", "\"path\":\"\"", "object.path is missing")]
    [InlineData("\"open\"", "\"rename\"", "object.path2 is missing")]
    [InlineData("\"open\"", "\"dns\"", "object.name is missing")]
    [InlineData("\"remote\":\"\"", "\"remote\":\"db.shop.svc\"", "object.remote 'db.shop.svc' is no IP address")]
    [InlineData("\"remote\":\"\"", "\"remote\":\"1\"", "object.remote '1' is no IP address")]
    [InlineData("\"proto\":\"\"", "\"proto\":\"carrier pigeon\"", "object.proto 'carrier pigeon' is not known")]
    public void What_an_event_needs_must_be_there(string part, string instead, string problem) =>
        Assert.Contains(problem, Refusal(Line.Replace(part, instead)).Message);

    [Fact]
    public void An_unknown_kind_is_told_the_known_ones() =>
        Assert.Contains("exec, exit, fork, open", Refusal(Line.Replace("\"open\"", "\"opened\"")).Remedy);

    [Fact]
    public void Unknown_fields_are_passed_over_and_long_texts_are_refused()
    {
        Assert.Equal(RecordedKind.Open, Parse(Line.Replace("\"kind\"", "\"new\":{\"a\":[1,{}]},\"kind\"")).Kind);
        Assert.Contains("longer than 4096", Refusal(Line.Replace("/etc/nginx", new string('a', 5000))).Message);
        Assert.Contains("longer than 262144", Refusal(new string(' ', EventLine.LongestLine + 1)).Message);
    }

    [Fact]
    public void One_container_id_belongs_to_one_workload()
    {
        var both = $"{Line.Trim()}\n\r\n{Line.Trim().Replace("\"pod\":\"web-1\",", "")}\n{Line.Trim().Replace("shop", "bank")}\n";
        var source = Lines(both);
        var record = new EventRecord();
        Assert.True(source.Read(record));
        var first = record.Container;
        Assert.True(source.Read(record));
        Assert.Same(first, record.Container);
        var refusal = Assert.Throws<ReplayException>(() => source.Read(record));
        Assert.Contains("line 4: container c1 is of bank/docker.io/library/nginx here and was of shop/", refusal.Message);
    }

    [Fact]
    public void A_stream_ends_with_or_without_a_newline_and_may_begin_with_a_byte_order_mark()
    {
        Assert.Single(Texts(Lines($"\uFEFF{Line.Trim()}")));
        Assert.Equal(3000, Texts(Lines(string.Concat(Enumerable.Repeat($"{Line.Trim()}\r\n", 3000)))).Count);
        Assert.Contains("line 1", Assert.Throws<ReplayException>(() => Texts(Lines(new string('x', 600_000)))).Message);
    }

    [Fact]
    public void Hostile_lines_end_in_a_refusal_or_a_record_and_nothing_else()
    {
        var parser = new EventLine();
        var record = new EventRecord();
        Hostile.Sample(line =>
        {
            try
            {
                parser.Parse(line, 1, record);
                Assert.NotNull(record.Container);
            }
            catch (ReplayException refusal)
            {
                Assert.NotEmpty(refusal.Remedy);
                Assert.DoesNotContain(refusal.Message, char.IsControl);
            }
        }, iter: 20_000, threads: 1);
    }

    [Fact]
    public void A_line_of_known_names_allocates_nothing()
    {
        var line = Encoding.UTF8.GetBytes(Line);
        var parser = new EventLine();
        var record = new EventRecord();
        // The least of several rounds: the first ones run code that is still being compiled.
        Assert.Equal(0, Enumerable.Range(0, 10).Min(_ =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 100; i++)
                parser.Parse(line, i, record);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }));
    }

    static Gen<byte[]> Mutated()
    {
        var valid = Encoding.UTF8.GetBytes(Line.Trim());
        return Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Byte, Gen.Int[0, 4], Gen.OneOf([.. Fragments.Select(Gen.Const)])).Array[1, 4]
            .Select(changes =>
            {
                var line = valid.ToList();
                foreach (var (at, value, how, fragment) in changes)
                {
                    var place = Math.Min(at, line.Count - 1);
                    if (how == 0)
                        line[place] = value;
                    else if (how == 1)
                        line.RemoveRange(place, Math.Min(at % 20, line.Count - place - 1));
                    else
                        line.InsertRange(place, Encoding.UTF8.GetBytes(fragment));
                }
                return line.ToArray();
            });
    }
}
