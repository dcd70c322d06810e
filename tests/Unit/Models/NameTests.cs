using System.Text;
using CsCheck;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Names of hosts: what they become, and what is known by them.</summary>
public sealed class NameTests
{
    [Theory]
    [InlineData("a.b.example.com", "example.com")]
    [InlineData("example.com", "example.com")]
    [InlineData("a.b.example.co.uk", "example.co.uk")]
    [InlineData("co.uk", "co.uk")]
    [InlineData("com", "com")]
    [InlineData("a.b.c.ck", "b.c.ck")] // *.ck
    [InlineData("a.www.ck", "www.ck")] // !www.ck
    [InlineData("x.user.github.io", "user.github.io")] // the private part
    [InlineData("a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn")] // a rule in Chinese
    [InlineData("db.shop.svc", "shop.svc")] // no such top level
    [InlineData("a..com", ".com")]
    public void The_registrable_domain_is_what_the_list_says(string name, string domain) =>
        Assert.Equal(domain, name[PublicSuffixes.DomainAt(Encoding.ASCII.GetBytes(name))..]);

    [Theory]
    [InlineData("API.Example.COM.", "api.example.com")]
    [InlineData("web-7d9c5b8f6d-12.example.com", "web-<h>-<n>.example.com")]
    [InlineData("a12345678.example.com", "<h>.example.com")]
    [InlineData("a12.example", "a12.example")] // a domain is never generalised
    [InlineData("x12.a34.com", "x<n>.a34.com")]
    [InlineData("db.shop.svc.cluster.local", "db.shop.svc")]
    [InlineData("db.shop.svc.evil.com", "db.shop.svc.evil.com")]
    [InlineData("4.3.2.10.in-addr.arpa", "<address>.in-addr.arpa")]
    [InlineData("10.0.0.5", "<address>")]
    [InlineData("", "<address>")]
    [InlineData("a*b <x.example.com", "a_b__x.example.com")]
    public void Names_are_canonical(string name, string expected) => Assert.Equal(expected, Canonical(name));

    [Theory]
    [InlineData("www", false)]
    [InlineData("internal-monitoring-gateway", false)]
    [InlineData("ec2-52-18-200-17", false)]
    [InlineData("my-application-backend2-production", false)]
    [InlineData("dzk3x9q7t2m5v8w1", true)]
    [InlineData("mzxw6ytboi7dsnbrgq4tqmjsgm2dk", true)]
    [InlineData("a.qwrtplkjhgfdszxcv.b", true)]
    public void Names_made_by_machines_look_random(string labels, bool random) =>
        Assert.Equal(random, DomainName.IsRandom(Encoding.ASCII.GetBytes(labels)));

    [Fact]
    public void Whatever_is_asked_for_a_canonical_name_is_its_own_canonical_domain() => Gen.OneOf(
        Gen.String[Gen.Char["abcz019-_.A"], 0, 40], Gen.String.Select(s => s[..Math.Min(s.Length, 60)])).Sample(name =>
    {
        var canonical = Canonical(name);
        Assert.True(canonical.Length > 0);
        Assert.EndsWith(Encoding.UTF8.GetString(DomainName.DomainOf(Encoding.UTF8.GetBytes(canonical))), canonical, StringComparison.Ordinal);
    }, iter: 5000);

    [Fact]
    public void A_peer_is_known_by_its_name_wherever_it_is()
    {
        var workload = new WorkloadUnderTest();
        workload.Connect("203.0.113.5", 5432, name: "db.example.com");
        workload.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Known, workload.Connect("198.51.100.77", 5432, name: "db.example.com").Kind);
        var other = workload.Connect("203.0.113.5", 5432, name: "evil.example.net").Anomaly!;
        Assert.Equal("/usr/sbin/nginx -> tcp public evil.example.net:5432", other.Behaviour);
        Assert.Equal("public-known-port", other.Explanation.Mark);
        Assert.Equal("new-port-or-nameless", workload.Connect("203.0.113.5", 5432).Anomaly!.Explanation.Mark);
        Assert.Equal("new-port-or-nameless", workload.Connect("203.0.113.5", 22, name: "evil.example.org").Anomaly!.Explanation.Mark);
        // A name that leads inside is not the one outside.
        Assert.Equal(VerdictKind.Anomalous, workload.Connect("10.0.0.5", 5432, name: "db.example.com").Kind);
    }

    [Fact]
    public void No_name_hides_the_metadata_service()
    {
        var workload = new WorkloadUnderTest();
        workload.Connect("203.0.113.5", 80, name: "db.example.com");
        workload.Lock(LearningMode.LockedByHand);
        var anomaly = workload.Connect("169.254.169.254", 80, name: "db.example.com").Anomaly!;
        Assert.Equal(("metadata-or-runtime", "/usr/sbin/nginx -> tcp metadata 169.254.169.254:80"), (anomaly.Explanation.Mark, anomaly.Behaviour));
    }

    [Fact]
    public void Names_of_one_domain_collapse_where_they_are_open_ended_and_domains_never_do()
    {
        var workload = new WorkloadUnderTest();
        for (var i = 0; i < 20; i++)
        {
            workload.Now += WorkloadUnderTest.Hour;
            workload.Ask($"{(char)('a' + i)}.cdn.example.com");
            workload.Connect("203.0.113.5", 443, name: $"{(char)('a' + i)}.cdn.example.com");
            workload.Ask($"www.site{(char)('a' + i)}.org");
        }
        workload.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Known, workload.Ask("zz.cdn.example.com").Kind);
        Assert.Equal(VerdictKind.Known, workload.Connect("203.0.113.6", 443, name: "zz.cdn.example.com").Kind);
        Assert.NotEqual(VerdictKind.Known, workload.Ask("www.sitez.org").Kind);
        Assert.NotEqual(VerdictKind.Known, workload.Ask("mzxw6ytboi7dsnbrgq4tqmjsgm2dk.example.com").Kind);
        // The patterns survive what evidence goes through.
        var other = new WorkloadUnderTest { Now = workload.Now };
        other.Baseline.Apply(workload.Baseline.Snapshot());
        Assert.Equal(VerdictKind.Known, other.Ask("yy.cdn.example.com").Kind);
        Assert.Equal(VerdictKind.Known, other.Connect("203.0.113.7", 443, name: "yy.cdn.example.com").Kind);
        Assert.NotEqual(VerdictKind.Known, other.Ask("www.sitey.org").Kind);
    }

    [Fact]
    public void Questions_are_marked_by_their_domain()
    {
        var workload = new WorkloadUnderTest();
        workload.Ask("a.example.com");
        workload.Lock(LearningMode.LockedByHand);
        // Evidence does not say which domain was new to whom: who counts marks tells it by what nothing else has.
        Assert.Equal(["known-domain", "known-domain", "high-entropy"], new[] { "b.example.com", "b.example.net", "dzk3x9q7t2m5v8w1.example.com" }
            .Select(name => workload.MarkOf(name)));
        string Counted(bool only) => Marks.Of(BehaviourClass.Dns).Marks[Reduction.MarkLeftOut(BehaviourClass.Dns, 0, only)].Name;
        Assert.Equal(("new-domain", "known-domain"), (Counted(only: true), Counted(only: false)));
    }

    static string Canonical(string name)
    {
        var to = new ByteWriter(new byte[1024]);
        DomainName.Write(Encoding.UTF8.GetBytes(name), ref to);
        return Encoding.UTF8.GetString(to.Written);
    }
}
