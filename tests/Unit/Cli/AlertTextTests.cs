using System.Text.Json;
using CsCheck;
using RuntimeGuard.Cli;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class AlertTextTests
{
    static readonly Alert ReverseShell = new()
    {
        Id = "a1b2c3",
        State = AlertState.Open,
        Count = 2,
        FirstUnixNs = 1_772_366_400_000_000_000,
        LastUnixNs = 1_772_366_401_000_000_000,
        Revision = 7,
        Worst = new Anomaly
        {
            TimeUnixNs = 1_772_366_400_123_456_789,
            Node = "n1",
            Container = new Container
            {
                Id = "3f2a91c0ffee3f2a91c0ffee",
                Name = "web",
                Pod = "shop-7d",
                Tag = "1.27",
                Workload = new Workload { Namespace = "shop", Image = "docker.io/library/nginx" },
            },
            Process = new Process { Pid = 42, Uid = 33, Exe = "/bin/sh", Args = { "sh", "-i" }, SeenFromBirth = true },
            Ancestors = { new Process { Pid = 7, Exe = "/usr/sbin/nginx", Args = { "nginx" } } },
            Kind = EventKind.Connect,
            Class = BehaviourClass.NetOut,
            Subject = "10.0.0.9:4444",
            Summary = "a shell talks to 10.0.0.9:4444",
            Rule = "reverse-shell",
            Technique = "T1059.004",
            Explanation = new Explanation { Score = 0.004, Nearest = { "nginx -> db:5432" }, State = "locked" },
            Losses = { new Loss { Cause = "ring_full", EventClass = "exec", Count = 3 } },
            TimeScale = 1,
        },
    };

    [Fact]
    public void An_alert_says_what_where_who_how_unusual_and_what_was_lost()
    {
        var text = Render(ReverseShell, 200);

        Assert.Equal("""
            2026-03-01 12:00:00Z  a shell talks to 10.0.0.9:4444
              alert     a1b2c3  open  2 anomalies between 2026-03-01 12:00:00Z and 2026-03-01 12:00:01Z
              where     shop/docker.io/library/nginx:1.27  pod shop-7d  container web (3f2a91c0ffee)  node n1
              process   /bin/sh  [sh -i]  pid 42, uid 33
                          started by /usr/sbin/nginx  [nginx]  pid 7, uid 0, not seen from its birth
              what      connect 10.0.0.9:4444
              unusual   0.004 benign occurrences per container-day; critical rule reverse-shell; model locked
              nearest   nginx -> db:5432
              technique T1059.004  https://attack.mitre.org/techniques/T1059/004/
              lost      3 exec events (ring_full) on this node around then: there may be more to it

            """, text);
    }

    [Fact]
    public void A_scaled_clock_is_said_with_the_alert()
    {
        var scaled = ReverseShell.Clone();
        scaled.Worst.TimeScale = 360;
        Assert.Contains("time scale x360", Render(scaled, 200));
    }

    [Fact]
    public void An_empty_alert_is_shown_too() => Assert.Contains("benign occurrences", Render(new Alert(), 80));

    [Fact]
    public void No_name_an_attacker_chooses_reaches_the_terminal_raw() =>
        Gen.Select(HostileText, HostileText, Gen.Int[20, 200]).Sample((first, second, width) =>
        {
            var text = Render(Hostile(first, second), width);
            Assert.DoesNotContain(text, character => char.IsControl(character) && character != '\n');
            Assert.DoesNotContain('\u202e', text);
        });

    [Fact]
    public void Json_keeps_every_character_and_shows_none_that_acts() =>
        Gen.Select(HostileText, HostileText).Sample((first, second) =>
        {
            var hostile = Hostile(first, second);
            var line = AlertJson.Of(hostile).ToJsonString();
            Assert.DoesNotContain(line, character => character is < ' ' or > '~');
            var fields = JsonDocument.Parse(line).RootElement;
            Assert.Equal(hostile.Worst.Subject, fields.GetProperty("subject").GetString());
            Assert.Equal(hostile.Worst.Process.Args[1], fields.GetProperty("process").GetProperty("args")[1].GetString());
        });

    [Theory]
    [InlineData("id", "a1b2c3")]
    [InlineData("state", "open")]
    [InlineData("count", 2)]
    [InlineData("time_unix_ns", 1_772_366_400_123_456_789)]
    [InlineData("namespace", "shop")]
    [InlineData("image", "docker.io/library/nginx")]
    [InlineData("container_id", "3f2a91c0ffee3f2a91c0ffee")]
    [InlineData("kind", "connect")]
    [InlineData("subject", "10.0.0.9:4444")]
    [InlineData("score", 0.004)]
    [InlineData("rule", "reverse-shell")]
    [InlineData("summary", "a shell talks to 10.0.0.9:4444")]
    [InlineData("node", "n1")]
    public void The_fields_that_scripts_rely_on_are_there(string name, object expected)
    {
        var field = JsonDocument.Parse(AlertJson.Of(ReverseShell).ToJsonString()).RootElement.GetProperty(name);
        Assert.Equal(JsonSerializer.Serialize(expected), JsonSerializer.Serialize(field));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_score_that_is_no_number_is_null_in_json(double score)
    {
        var alert = ReverseShell.Clone();
        alert.Worst.Explanation.Score = score;
        Assert.Contains("\"score\":null", AlertJson.Of(alert).ToJsonString());
    }

    /// <summary>Valid text, as protobuf guarantees, that is mostly made of what should not be shown.</summary>
    static Gen<string> HostileText { get; } = Gen.OneOf(
        Gen.Char['\0', '\u00a0'], Gen.Char['\u2000', '\u206f'], Gen.Char['\ue000', '\ufffd'], Gen.Char['a', 'z'])
        .Array[0, 60].Select(characters => new string(characters));

    static Alert Hostile(string first, string second)
    {
        var alert = ReverseShell.Clone();
        alert.Id = first;
        var worst = alert.Worst;
        worst.Node = second;
        worst.Summary = first + second;
        worst.Subject = second + first;
        worst.Rule = second;
        worst.Technique = first;
        worst.Container = new Container
        {
            Id = first,
            Name = second,
            Pod = first,
            Tag = second,
            Workload = new Workload { Namespace = first, Image = second },
        };
        worst.Process = new Process { Exe = first, Args = { second, first } };
        worst.Explanation = new Explanation { Nearest = { first }, Mark = second, State = first, WouldBecomeKnown = second };
        worst.Losses.Add(new Loss { Cause = first, EventClass = second, Count = 1 });
        return alert;
    }

    static string Render(Alert alert, int width)
    {
        using var output = new StringWriter { NewLine = "\n" };
        AlertText.Show(Terminal.ForText(output, TextWriter.Null, _ => null, width), alert);
        return output.ToString();
    }
}
