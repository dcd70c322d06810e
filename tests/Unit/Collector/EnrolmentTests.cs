using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class EnrolmentTests(EnrolmentTests.Running running) : IClassFixture<EnrolmentTests.Running>
{
    readonly CollectorFixture _collector = running.Collector;

    public sealed class Running : IAsyncLifetime
    {
        internal CollectorFixture Collector { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Collector = await CollectorFixture.StartAsync();

        public ValueTask DisposeAsync() => Collector.DisposeAsync();
    }

    [Fact]
    public async Task The_join_token_names_the_key_that_signed_the_servers_certificate()
    {
        var pin = (await _collector.JoinTokenAsync()).Split('.')[2];
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, _collector.Server.AgentPort);
        var issuer = "";
        using var tls = new SslStream(tcp.GetStream(), false, (_, certificate, presented, _) =>
        {
            // As proto/agent.proto says: a chain of what was sent, unknown authorities allowed.
            using var chain = new X509Chain();
            chain.ChainPolicy.ExtraStore.AddRange(presented!.ChainPolicy.ExtraStore);
            chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            var valid = chain.Build((X509Certificate2)certificate!);
            issuer = Convert.ToHexStringLower(SHA256.HashData(
                chain.ChainElements[1].Certificate.PublicKey.ExportSubjectPublicKeyInfo()));
            return valid;
        });

        await tls.AuthenticateAsClientAsync("localhost");

        Assert.Equal(pin, issuer);
    }

    [Fact]
    public async Task A_certificate_is_for_the_node_and_for_clients_only_and_short_lived()
    {
        var agent = await _collector.EnrolAsync("short-lived");

        Assert.Equal("CN=short-lived", agent.Certificate.Subject);
        var usage = Assert.Single(agent.Certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>());
        Assert.Equal(["1.3.6.1.5.5.7.3.2"], usage.EnhancedKeyUsages.Cast<Oid>().Select(oid => oid.Value!));
        Assert.False(Assert.Single(agent.Certificate.Extensions.OfType<X509BasicConstraintsExtension>()).CertificateAuthority);
        Assert.InRange(agent.Certificate.NotAfter, DateTime.Now.AddDays(6), DateTime.Now.AddDays(8));
    }

    [Fact]
    public async Task Tokens_that_do_not_let_in_say_why()
    {
        var once = await _collector.JoinTokenAsync();
        await WireAgent.EnrolAsync(_collector.Agents(), once, "first-use");
        var named = await _collector.JoinTokenAsync("named");
        var good = await _collector.JoinTokenAsync();
        var expired = await _collector.JoinTokenAsync();
        await _collector.Server.Parts.State.WriteAsync(db => db.JoinTokens
            .Where(row => row.Id == expired.Substring(0, expired.IndexOf('.', StringComparison.Ordinal)))
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.ExpiresUnixNs, 1)), CancellationToken.None);
        (string Token, string Node, StatusCode Status, string Reason)[] table =
        [
            (once, "second-use", StatusCode.PermissionDenied, "used up"),
            (expired, "late", StatusCode.PermissionDenied, "expired"),
            (named, "another-name", StatusCode.PermissionDenied, "for node 'named'"),
            ("nobody." + good.Split('.')[1] + ".x", "n", StatusCode.PermissionDenied, "not known"),
            (good.Split('.')[0] + ".wrong.x", "n", StatusCode.PermissionDenied, "not known"),
            (good, "bad name\n", StatusCode.InvalidArgument, "node"),
            (good, "", StatusCode.InvalidArgument, "node"),
            (good, "first-use", StatusCode.AlreadyExists, "revoke it first"),
        ];
        foreach (var (token, node, status, reason) in table)
        {
            // One address may fail only a few times in a row; here they are many on purpose.
            _collector.Server.Parts.EnrolmentLimiter.Succeeded("address 127.0.0.1");
            var refused = await Assert.ThrowsAsync<RpcException>(() => WireAgent.EnrolAsync(_collector.Agents(), token, node));
            Assert.Equal((status, node), (refused.StatusCode, node));
            Assert.Contains(reason, refused.Status.Detail, StringComparison.Ordinal);
        }
        _collector.Server.Parts.EnrolmentLimiter.Succeeded("address 127.0.0.1");
        // Nothing of all this took the good token's only use.
        await WireAgent.EnrolAsync(_collector.Agents(), good, "good-use");
    }

    [Fact]
    public async Task Guessing_is_slowed_down()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var statuses = new List<StatusCode>();
        for (var i = 0; i < 8; i++)
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() => WireAgent.EnrolAsync(collector.Agents(), "a.b.c", "n"));
            statuses.Add(refused.StatusCode);
        }
        Assert.Equal(StatusCode.PermissionDenied, statuses[0]);
        Assert.Equal(StatusCode.ResourceExhausted, statuses[^1]);
    }

    [Fact]
    public async Task A_signing_request_that_its_key_did_not_sign_is_refused()
    {
        var token = (await _collector.JoinTokenAsync()).Split('.');
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var tampered = WireAgent.Csr(key).ToByteArray();
        tampered[^1] ^= 1;
        using var rsa = RSA.Create(2048);
        var wrongKind = new CertificateRequest("CN=x", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequest();
        foreach (var csr in new[] { tampered, wrongKind, [], [1, 2, 3], new byte[100_000] })
        {
            var refused = await Assert.ThrowsAsync<RpcException>(async () =>
                await new Enrolment.EnrolmentClient(_collector.Agents()).EnrolAsync(new EnrolRequest
                {
                    TokenId = token[0],
                    TokenSecret = token[1],
                    Node = "csr-node",
                    Csr = ByteString.CopyFrom(csr),
                }));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.Contains("csr", refused.Status.Detail, StringComparison.Ordinal);
            _collector.Server.Parts.EnrolmentLimiter.Succeeded("address 127.0.0.1");
        }
    }

    [Fact]
    public async Task A_certificate_renews_itself_while_it_is_valid()
    {
        var agent = await _collector.EnrolAsync("renewing");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var client = new Enrolment.EnrolmentClient(_collector.Agents(agent.Certificate));

        using var renewed = WireAgent.WithKey(await client.RenewAsync(new RenewRequest { Csr = WireAgent.Csr(key, "CN=admin") }), key);

        Assert.Equal("CN=renewing", renewed.Subject);
        await using var stream = await new WireAgent("renewing", renewed, () => _collector.Agents(renewed)).ConnectAsync(1);
        Assert.NotEmpty(stream.Welcome.Collector);
    }

    [Fact]
    public async Task Without_a_certificate_of_this_authority_nothing_but_enrolment_is_reached()
    {
        await using var stranger = await CollectorFixture.StartAsync();
        var foreign = await stranger.EnrolAsync("node-a");

        var none = await Assert.ThrowsAsync<RpcException>(() => WireStream.OpenAsync(_collector.Agents(), new Hello { Node = "node-a" }));
        var other = await Assert.ThrowsAsync<RpcException>(
            () => WireStream.OpenAsync(_collector.Agents(foreign.Certificate), new Hello { Node = "node-a" }));

        Assert.Equal(StatusCode.Unauthenticated, none.StatusCode);
        Assert.Contains("client certificate", none.Status.Detail, StringComparison.Ordinal);
        // TLS itself ends the connection.
        Assert.NotEqual(StatusCode.OK, other.StatusCode);
        Assert.Empty(stranger.Server.Parts.Nodes.Live);
    }

    [Fact]
    public async Task An_agent_speaks_for_its_own_node_only()
    {
        var agent = await _collector.EnrolAsync("honest");

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.ConnectAsync(1, helloNode: "victim"));

        Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
        Assert.Contains("'honest'", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revocation_closes_the_stream_and_lets_the_name_enrol_again_with_the_old_certificate_worthless()
    {
        var old = await _collector.EnrolAsync("revoked");
        await using var stream = await old.ConnectAsync(1);

        await _collector.Server.Parts.State.WriteAsync(db => db.Nodes.Where(row => row.Name == "revoked")
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.RevokedUnixNs, 1)), CancellationToken.None);
        var ended = await stream.EndedAsync();
        var refused = await Assert.ThrowsAsync<RpcException>(() => old.ConnectAsync(1));
        var again = await _collector.EnrolAsync("revoked");
        await using var fresh = await again.ConnectAsync(2);
        var stillRefused = await Assert.ThrowsAsync<RpcException>(() => old.ConnectAsync(1));

        Assert.Equal(StatusCode.Aborted, ended.StatusCode);
        Assert.Contains("revoked", ended.Detail, StringComparison.Ordinal);
        Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
        Assert.Contains("earlier enrolment", stillRefused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task At_the_cap_of_nodes_a_revoked_one_makes_room_and_else_enrolment_is_refused()
    {
        await using var collector = await CollectorFixture.StartAsync(
            configure: options => options with { StateLimits = new RuntimeGuard.Collector.StateLimits { Nodes = 2 } });
        await collector.EnrolAsync("node-a");
        await collector.EnrolAsync("node-b");

        var token = await collector.JoinTokenAsync("node-c");
        var refused = await Assert.ThrowsAsync<RpcException>(() => WireAgent.EnrolAsync(collector.Agents(), token, "node-c"));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Equal(1, collector.Server.Parts.Diagnostics.NodesRefused.Value);
        await collector.Server.Parts.State.WriteAsync(db => db.Nodes.Where(row => row.Name == "node-a")
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.RevokedUnixNs, 1)), CancellationToken.None);

        // The token was not used up by the refusal.
        (await WireAgent.EnrolAsync(collector.Agents(), token, "node-c")).Dispose();

        var names = await collector.Server.Parts.State.ReadAsync(db => db.Nodes.Select(row => row.Name).ToListAsync(), CancellationToken.None);
        Assert.Equal(["node-b", "node-c"], names.Order());
        Assert.Equal(1, collector.Server.Parts.Diagnostics.NodesForgotten.Value);
    }
}
