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

    [Theory]
    [InlineData(3, 4, 5, "1.26@sha256:b", "3 of 4 live replicas of shop/docker.io/library/nginx began nginx -> /bin/sh since version 1.26@sha256:b")]
    [InlineData(0, 4, 5, "", "5 replicas, none of the 4 that live now, of shop/docker.io/library/nginx began nginx -> /bin/sh")]
    [InlineData(0, 0, 3, "", "3 replicas of shop/docker.io/library/nginx began nginx -> /bin/sh")]
    public void A_fleets_alert_says_how_many_replicas_began_what(uint with, uint live, uint containers, string version, string sentence)
    {
        var alert = ReverseShell.Clone();
        (alert.Kind, alert.Worst.Behaviour) = (AlertKind.Fleet, "nginx -> /bin/sh");
        alert.Fleet = new Proto.Fleet { Containers = containers, Live = live, LiveWith = with, Folded = 2, Version = version };

        var text = Render(alert, 300);

        Assert.Contains($"  {sentence}\n", text, StringComparison.Ordinal);
        Assert.Contains($"  fleet     seen in {containers} containers, of which {with} run now; {live} replicas run in all\n", text, StringComparison.Ordinal);
        Assert.Contains("rgctl alerts list --folded-into a1b2c3", text, StringComparison.Ordinal);
        Assert.Contains("  where     shop/", text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_incident_that_is_folded_says_where_it_is_told()
    {
        var alert = ReverseShell.Clone();
        alert.FoldedInto = "f1eet";
        Assert.Contains("other replicas do the same: rgctl alerts show f1eet", Render(alert, 200), StringComparison.Ordinal);
    }

    [Fact]
    public void A_drift_says_why_and_nothing_of_a_container()
    {
        var alert = new Alert
        {
            Id = "d1", Kind = AlertKind.Drift, State = AlertState.Resolved, Count = 2, LastUnixNs = 1_772_366_400_000_000_000,
            Reason = "as few novelties again as its bound allows",
            Worst = new Anomaly { TimeUnixNs = 1_772_366_400_000_000_000, Summary = "exec of shop/web drifts" },
        };
        Assert.Equal("""
            2026-03-01 12:00:00Z  exec of shop/web drifts
              alert     d1  resolved  since 2026-03-01 12:00:00Z, 2 times so far
              because   as few novelties again as its bound allows
            """, Render(alert, 200).TrimEnd());
    }

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
              version   new in version 1.27: no
              nearest   nginx -> db:5432
              technique T1059.004  https://attack.mitre.org/techniques/T1059/004/
              lost      3 exec events (ring_full) on this node around then: there may be more to it

            """, text);
    }

    [Fact]
    public void What_is_known_otherwise_says_how_and_in_which_version_and_role_it_is_new()
    {
        var alert = ReverseShell.Clone();
        var explanation = alert.Worst.Explanation;
        (explanation.Context, explanation.Version, explanation.Role, explanation.Bits) = ("hour", "1.27@sha256:abc", "worker", 5.3);
        alert.Worst.BehaviourKey = 0xabc;

        var text = Render(alert, 200);
        var fields = JsonDocument.Parse(AlertJson.Of(alert).ToJsonString()).RootElement;

        Assert.Contains("  context   known, but never at this hour of the week\n", text);
        Assert.Contains("  version   new in version 1.27@sha256:abc: yes\n", text);
        Assert.Contains("  role      worker\n", text);
        Assert.Contains("; 5.3 bits of surprise for what did it;", text);
        Assert.Equal(("0000000000000abc", "hour", "1.27@sha256:abc", "worker", 5.3), (
            fields.GetProperty("behaviour_key").GetString(), fields.GetProperty("context").GetString(),
            fields.GetProperty("version").GetString(), fields.GetProperty("role").GetString(), fields.GetProperty("bits").GetDouble()));
        explanation.Context = "phase";
        Assert.Contains("known, but never in this phase", Render(alert, 200));
        explanation.Context = "role";
        Assert.Contains("known, but never in this role", Render(alert, 200));
    }

    [Fact]
    public void An_incident_that_added_up_lists_its_steps_with_their_bits_and_the_bound()
    {
        var alert = ReverseShell.Clone();
        alert.Worst.Rule = "grey-zone";
        var explanation = alert.Worst.Explanation;
        (explanation.EvidenceBits, explanation.EvidenceBound) = (11.2, 10);
        explanation.Contributions.Add(new Contribution
        {
            TimeUnixNs = 1_772_366_400_000_000_000, Class = BehaviourClass.Exec, Behaviour = "nginx -> id", Mark = "discovery", Score = 0.4, Bits = 2.1,
        });
        explanation.Contributions.Add(new Contribution { TimeUnixNs = 1_772_366_460_000_000_000, Class = BehaviourClass.NetOut, Behaviour = "id -> x", Bits = -0.5 });

        var text = Render(alert, 200);
        var fields = JsonDocument.Parse(AlertJson.Of(alert).ToJsonString()).RootElement;

        Assert.Contains("  adds up   2 small deviations to 11 bits; the bound is 10\n", text);
        Assert.Contains("2026-03-01 12:00:00Z  exec nginx -> id  +2.1 bits, marked discovery, 0.4 per container-day\n", text);
        Assert.Contains("net_out id -> x  -0.5 bits, 0 per container-day\n", text);
        Assert.Equal((11.2, 10), (fields.GetProperty("evidence_bits").GetDouble(), fields.GetProperty("evidence_bound").GetDouble()));
        Assert.Equal("nginx -> id", fields.GetProperty("contributions")[0].GetProperty("behaviour").GetString());
    }

    [Fact]
    public void A_decided_alert_says_who_decided_until_when_and_why()
    {
        var alert = ReverseShell.Clone();
        alert.State = AlertState.Allowed;
        alert.Decision = new Decision { User = "ada", Reason = "our backup", OverrideId = "k3", ExpiresUnixNs = 1_772_366_400_000_000_000 };

        Assert.Contains("  decided   by ada, until 2026-03-01 12:00:00Z: our backup (override k3)\n", Render(alert, 200));
        Assert.Equal("ada", JsonDocument.Parse(AlertJson.Of(alert).ToJsonString()).RootElement.GetProperty("decision").GetProperty("user").GetString());
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
        worst.Explanation = new Explanation
        {
            Nearest = { first }, Mark = second, State = first, WouldBecomeKnown = second, Context = first, Version = second, Role = first,
            Contributions = { new Contribution { Behaviour = first, Mark = second } },
        };
        alert.Decision = new Decision { User = first, Reason = second, OverrideId = first };
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
