using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using RuntimeGuard.Agent;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Agent;

/// <summary>The agent's link against a real collector over real mTLS.</summary>
public sealed class CollectorLinkTests : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("link").FullName;
    readonly int _port = FreePort();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    Task<CollectorFixture> Collector() => CollectorFixture.StartAsync(
        configure: o => o with { AgentListen = new IPEndPoint(IPAddress.Loopback, _port) });

    async Task<AgentOptions> OptionsFor(CollectorFixture collector, string? token = null)
    {
        var file = Path.Combine(_directory, "token");
        await File.WriteAllTextAsync(file, token ?? await collector.JoinTokenAsync());
        return new AgentOptions { Collector = $"localhost:{_port}", Node = "n1", TokenFile = file };
    }

    sealed class Running : IAsyncDisposable
    {
        readonly CancellationTokenSource _stop = new();
        readonly Task _task;

        public Running(AgentOptions options, Spool spool, string directory)
        {
            Link = new CollectorLink(options, new NodeIdentity(Path.Combine(directory, "identity")), spool,
                new Hello { Node = options.Node, SpoolId = spool.Id, Version = "test" },
                new LinkDiagnostics(NullLogger.Instance, new Counters(), () => { }));
            _task = Link.RunAsync(_stop.Token);
        }

        public CollectorLink Link { get; }

        public Task Ended => _task;

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _task;
            _stop.Dispose();
        }
    }

    [Fact]
    public async Task A_node_enrols_by_token_and_its_anomalies_are_committed_and_forgotten()
    {
        await using var collector = await Collector();
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        var options = await OptionsFor(collector);
        spool.Anomalies.TryAppend(CollectorItems.Anomaly(), durable: true);
        await using (new Running(options, spool, _directory))
            await Eventually.HoldsAsync("ack of the first", () => spool.Anomalies.FirstSeq == 2);
        // The second start has no use for a token any more.
        File.Delete(options.TokenFile!);
        await using var again = new Running(options, spool, _directory);
        spool.Anomalies.TryAppend(CollectorItems.Anomaly(lineage: 200), durable: true);
        again.Link.Nudge();
        await Eventually.HoldsAsync("ack of the second", () => spool.Anomalies.FirstSeq == 3);
        Assert.Equal(2, (await new Alerts.AlertsClient(collector.Admin()).ListAsync(new ListAlertsRequest())).Alerts.Count);
    }

    [Fact]
    public async Task A_restart_of_the_collector_loses_nothing_and_repeats_nothing()
    {
        await using var collector = await Collector();
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        await using var running = new Running(await OptionsFor(collector), spool, _directory);
        for (var n = 0; n < 2000; n++)
        {
            spool.Anomalies.TryAppend(CollectorItems.Anomaly(lineage: 100 + n % 7), durable: false);
            running.Link.Nudge();
            if (n == 700)
            {
                await Eventually.HoldsAsync("some acks", () => spool.Anomalies.FirstSeq > 1);
                await collector.StopServerAsync();
            }
            if (n == 1400)
                await collector.StartServerAsync();
        }
        await Eventually.HoldsAsync("every ack", () => spool.Anomalies.FirstSeq == 2001, TimeSpan.FromSeconds(60));
        var alerts = (await new Alerts.AlertsClient(collector.Admin()).ListAsync(new ListAlertsRequest())).Alerts;
        Assert.Equal(2000ul, alerts.Aggregate(0ul, (sum, a) => sum + a.Count));
    }

    [Fact]
    public async Task A_collector_that_does_not_hold_the_pinned_key_never_sees_the_secret()
    {
        await using var collector = await Collector();
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        var token = await collector.JoinTokenAsync();
        var wrong = token[..(token.LastIndexOf('.') + 1)] + new string('a', 64);
        await using (var running = new Running(await OptionsFor(collector, wrong), spool, _directory))
        {
            var told = false;
            await Eventually.HoldsAsync("a failed attempt", () => told |= running.Link.TryReceive(out var m) && m.Disconnected);
        }
        Assert.False(new NodeIdentity(Path.Combine(_directory, "identity")).IsEnrolled);
        // The secret was not spent: the same token still enrols with the right pin.
        await File.WriteAllTextAsync(Path.Combine(_directory, "token"), token, TestContext.Current.CancellationToken);
        spool.Anomalies.TryAppend(CollectorItems.Anomaly(), durable: true);
        await using var right = new Running(await OptionsFor(collector, token), spool, _directory);
        await Eventually.HoldsAsync("ack", () => spool.Anomalies.FirstSeq == 2);
    }

    [Fact]
    public async Task A_revoked_node_enrols_again_once_it_has_a_new_token()
    {
        await using var collector = await Collector();
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        await using var running = new Running(await OptionsFor(collector), spool, _directory);
        spool.Anomalies.TryAppend(CollectorItems.Anomaly(), durable: true);
        running.Link.Nudge();
        await Eventually.HoldsAsync("the first ack", () => spool.Anomalies.FirstSeq == 2);
        var key = await File.ReadAllTextAsync(Path.Combine(_directory, "identity", "key.pem"), TestContext.Current.CancellationToken);
        Assert.Equal(0, await RuntimeGuard.Collector.Commands.NodeCommand.RevokeAsync(collector.Data, "n1", CancellationToken.None));
        var closed = false;
        await Eventually.HoldsAsync("the stream is closed", () => closed |= running.Link.TryReceive(out var m) && m.Disconnected);
        spool.Anomalies.TryAppend(CollectorItems.Anomaly(lineage: 200), durable: true);
        running.Link.Nudge();
        await OptionsFor(collector);
        await Eventually.HoldsAsync("the second ack, after the new enrolment", () => spool.Anomalies.FirstSeq == 3, TimeSpan.FromSeconds(60));
        // What an earlier key could do ended with the earlier enrolment.
        Assert.NotEqual(key, await File.ReadAllTextAsync(Path.Combine(_directory, "identity", "key.pem"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_token_of_another_collector_moves_the_node_there()
    {
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        spool.Anomalies.TryAppend(CollectorItems.Anomaly(), durable: true);
        await using (var first = await Collector())
        await using (new Running(await OptionsFor(first), spool, _directory))
            await Eventually.HoldsAsync("the first collector's ack", () => spool.Anomalies.FirstSeq == 2);
        await using var second = await Collector();
        spool.Anomalies.TryAppend(CollectorItems.Anomaly(lineage: 200), durable: true);
        await using var moved = new Running(await OptionsFor(second), spool, _directory);
        await Eventually.HoldsAsync("the second collector's ack", () => spool.Anomalies.FirstSeq == 3);
    }

    /// <summary>A node called like the collector has a certificate of the same CA for that very name.</summary>
    [Fact]
    public async Task A_nodes_certificate_does_not_pass_for_the_collectors()
    {
        await using var collector = await Collector();
        var node = await collector.EnrolAsync("localhost");
        using var authority = System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificateFromFile(collector.CaPath);
        Assert.False(NodeIdentity.ChainsTo(authority, node.Certificate, null, server: true));
        Assert.True(NodeIdentity.ChainsTo(authority, node.Certificate, null, server: false));
    }

    [Theory]
    [InlineData("nonsense", "join token")]
    [InlineData("", "join token")]
    public async Task A_token_that_cannot_be_used_ends_the_link_with_the_remedy(string token, string named)
    {
        await using var collector = await Collector();
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        var link = new CollectorLink(await OptionsFor(collector, token), new NodeIdentity(_directory), spool,
            new Hello { Node = "n1" }, new LinkDiagnostics(NullLogger.Instance, new Counters(), () => { }));
        var e = await Assert.ThrowsAsync<OptionsException>(() => link.RunAsync(TestContext.Current.CancellationToken));
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_used_token_ends_the_link_saying_so()
    {
        await using var collector = await Collector();
        var token = await collector.JoinTokenAsync();
        await WireAgent.EnrolAsync(collector.Agents(), token, "other");
        using var spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        var link = new CollectorLink(await OptionsFor(collector, token), new NodeIdentity(Path.Combine(_directory, "i")), spool,
            new Hello { Node = "n1" }, new LinkDiagnostics(NullLogger.Instance, new Counters(), () => { }));
        var e = await Assert.ThrowsAsync<OptionsException>(() => link.RunAsync(TestContext.Current.CancellationToken));
        Assert.Contains("refused the join token", e.Message, StringComparison.Ordinal);
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
