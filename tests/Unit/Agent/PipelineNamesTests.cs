using System.Net;
using RuntimeGuard.Agent;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Counter = RuntimeGuard.Agent.Counter;

namespace RuntimeGuard.Tests.Unit.Agent;

/// <summary>Questions, answers and connects through the whole user-space path.</summary>
public sealed class PipelineNamesTests
{
    static readonly Samples.Who Web = new(100, 1000);
    static readonly byte[] Server = [10, 96, 0, 10];

    [Fact]
    public void A_known_name_whose_address_changes_stays_known_and_a_new_one_alerts()
    {
        using var bench = Bench();
        Resolve(bench, "db.example.com", "203.0.113.5");
        bench.Pipeline.Handle(Samples.Connect(Web, [203, 0, 113, 5], 5432));
        bench.Lock();
        Resolve(bench, "db.example.com", "198.51.100.9");
        bench.Pipeline.Handle(Samples.Connect(Web, [198, 51, 100, 9], 5432));
        Resolve(bench, "evil.example.net", "203.0.113.66");
        bench.Pipeline.Handle(Samples.Connect(Web, [203, 0, 113, 66], 5432));
        var (anomalies, records) = bench.Finish();

        var connect = Assert.Single(anomalies, a => a.Kind == EventKind.Connect);
        Assert.Equal(("evil.example.net:5432 (203.0.113.66)", "evil.example.net", "203.0.113.66"), (connect.Subject, connect.PeerName, connect.Peer));
        Assert.Equal("web connected to evil.example.net:5432 (203.0.113.66), which this workload has never done", connect.Summary);
        var activity = Assert.Single(records, r => r.Activity is { Kind: EventKind.Connect } a && a.Object.Contains("db", StringComparison.Ordinal)).Activity;
        Assert.Equal(("tcp public db.example.com:5432", "db.example.com", "203.0.113.5", 2ul),
            (activity.Object, activity.PeerName, activity.Peer, activity.Count));
        Assert.Contains(records, r => r.Activity is { Kind: EventKind.Dns, Class: BehaviourClass.Dns, Object: "db.example.com", PeerName: "db.example.com" });
    }

    /// <summary>It wrote its own resolv.conf, or runs a server of its own, or forges the runtime's on its loopback.</summary>
    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("192.0.2.53", false)]
    [InlineData("10.96.0.10", true)]
    public void A_container_cannot_name_its_own_peers(string server, bool loopback)
    {
        using var bench = Bench();
        bench.Lock();
        Resolve(bench, "known.example.com", "203.0.113.5", IPAddress.Parse(server).GetAddressBytes(), loopback);
        bench.Pipeline.Handle(Samples.Connect(Web, [203, 0, 113, 5], 443));
        Assert.Equal(1, bench.Counters[Counter.DnsUntrusted]);
        var (anomalies, _) = bench.Finish();
        Assert.Equal(("203.0.113.5:443", ""), anomalies.Where(a => a.Kind == EventKind.Connect).Select(a => (a.Subject, a.PeerName)).Single());
    }

    [Fact]
    public void Nobody_elses_answer_names_a_containers_peer()
    {
        using var bench = Bench();
        bench.Pipeline.Handle(Samples.Cgroup(200, 2, $"/kubepods/besteffort/pod1/{PipelineBench.Id(2)}"));
        bench.Settle();
        Resolve(bench, "db.example.com", "203.0.113.5");
        bench.Lock();
        bench.Pipeline.Handle(Samples.Exec(new(300, 3000) { Slot = 2, CgroupId = 200 }, "/usr/sbin/web", ["web"], nsPid: 1));
        bench.Pipeline.Handle(Samples.Connect(new(300, 3000) { Slot = 2, CgroupId = 200 }, [203, 0, 113, 5], 443));
        var (anomalies, _) = bench.Finish();
        Assert.Equal("", anomalies.Single(a => a.Kind == EventKind.Connect).PeerName);
    }

    /// <summary>Its file goes with the container, once no process of it is left.</summary>
    [Fact]
    public void Names_are_kept_while_their_container_lives()
    {
        using var bench = Bench();
        Resolve(bench, "db.example.com", "203.0.113.5");
        var kept = Assert.Single(bench.Names.TakeChanged(0, all: true));
        Assert.Equal(PipelineBench.Id(1), kept.ContainerId);
        Assert.Equal("db.example.com"u8, Assert.Single(kept.Names).Name);
        bench.Pipeline.Handle(Samples.Cgroup(100, 1, "", kind: 41));
        bench.Pipeline.Tick(BootClock.BootNs + 60_000_000_000);
        Assert.Empty(bench.Names.TakeChanged(0, all: true));
        bench.Pipeline.Handle(Samples.Exit(Web));
        bench.Pipeline.Tick(BootClock.BootNs + 120_000_000_000);
        Assert.Equal((PipelineBench.Id(1), 0), bench.Names.TakeChanged(0, all: true).Select(k => (k.ContainerId, k.Names.Count)).Single());
    }

    [Fact]
    public void Services_and_pods_that_the_runtime_told_of_are_called_so()
    {
        using var bench = Bench();
        bench.Pipeline.Handle(Samples.Connect(Web, [10, 96, 7, 7], 5432));
        bench.Pipeline.Handle(Samples.Connect(Web, [10, 244, 0, 9], 8080));
        var (_, records) = bench.Finish();
        var peers = records.Where(r => r.Activity is { Kind: EventKind.Connect }).Select(r => r.Activity.Object).Order();
        Assert.Equal(["tcp private db.shop.svc:5432", "tcp private web.shop.pod:8080"], peers);
    }

    [Fact]
    public void A_question_of_nobody_known_is_its_containers()
    {
        using var bench = Bench();
        bench.Pipeline.Handle(Samples.Dns(new(0, 0, 0, 0), Server, 4000, DnsBytes.Question(7, "a.example.com"), answer: false));
        Assert.Equal(1, bench.Counters[Counter.DnsUnknownAsker]);
        var (_, records) = bench.Finish();
        Assert.Equal("(unknown)", Assert.Single(records, r => r.Activity is { Kind: EventKind.Dns }).Activity.Actor);
    }

    [Fact]
    public void What_is_no_dns_is_counted()
    {
        using var bench = Bench();
        bench.Pipeline.Handle(Samples.Dns(Web, Server, 4000, [1, 2, 3], answer: false));
        bench.Pipeline.Handle(Samples.Dns(Web, Server, 4000, DnsBytes.Question(7, "a.example.com"), answer: true));
        Assert.Equal((2, 0), (bench.Counters[Counter.DnsMalformed], bench.Counters[Counter.Malformed]));
        bench.Pipeline.Handle(Samples.Dns(Web, Server, 4000, DnsBytes.Reply(DnsBytes.Question(7, "a.example.com")), answer: true));
        Assert.Equal(1, bench.Counters[Counter.DnsUnasked]);
    }

    static PipelineBench Bench()
    {
        var network = new NetworkFacts([new IPAddress(Server)], [new(IPAddress.Parse("10.96.7.7"), "db.shop.svc")],
            [new(IPAddress.Parse("10.244.0.9"), "web.shop.pod")]);
        var bench = new PipelineBench(lookUp: (name, _) =>
            Task.FromResult(LookUpAnswer.Found(PipelineBench.Facts(name.Id, "docker.io/library/web")) with { Network = network }));
        bench.StartContainer();
        return bench;
    }

    static void Resolve(PipelineBench bench, string name, string address, byte[]? server = null, bool loopback = false)
    {
        var question = DnsBytes.Question(7, name);
        bench.Pipeline.Handle(Samples.Dns(Web, server ?? Server, 4000, question, answer: false, loopback: loopback));
        bench.Pipeline.Handle(Samples.Dns(Web, server ?? Server, 4000, DnsBytes.Reply(question, DnsBytes.Answer.Of(name, address)),
            answer: true, loopback: loopback));
    }
}
