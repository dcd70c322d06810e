using Microsoft.Extensions.Time.Testing;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class AccessTests : IAsyncLifetime
{
    static readonly string[] Open =
        ["/healthz", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/runtimeguard.v1.Access/Login"];
    CollectorFixture _collector = null!;

    public async ValueTask InitializeAsync() => _collector = await CollectorFixture.StartAsync();

    public ValueTask DisposeAsync() => _collector.DisposeAsync();

    HttpClient Http(string? token)
    {
        var http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions =
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                    CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(_collector.CaPath) },
                },
            },
        })
        {
            BaseAddress = new Uri($"https://localhost:{_collector.Server.Port}"),
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (token is not null)
        {
            http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        }
        return http;
    }

    static async Task<int> GrpcStatusAsync(HttpClient http, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = HttpVersion.Version20,
            Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { { "Content-Type", "application/grpc" } } },
        };
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return response.Headers.TryGetValues("grpc-status", out var status) ? int.Parse(status.First(), null) : -1;
    }

    [Fact]
    public async Task Nothing_but_health_and_login_answers_without_a_valid_token()
    {
        var paths = _collector.Server.PeopleRoutes.Select(route => "/" + route.RoutePattern.RawText!.TrimStart('/')).Distinct().ToList();
        Assert.True(paths.Count > 20, $"only {paths.Count} routes were found");
        foreach (var token in new[] { null, "rgt_wrong", "" })
        {
            using var http = Http(token);
            foreach (var path in paths.Except(Open).Where(path => !path.Contains('{', StringComparison.Ordinal)).Append("/no.such.Service/Method"))
            {
                Assert.Equal((path, (int)StatusCode.Unauthenticated), (path, await GrpcStatusAsync(http, path)));
                using var get = await http.GetAsync(path);
                Assert.Equal((path, HttpStatusCode.Unauthorized), (path, get.StatusCode));
            }
        }
        using var open = Http(null);
        Assert.Equal(HttpStatusCode.OK, (await open.GetAsync("/healthz")).StatusCode);
    }

    [Fact]
    public async Task Roles_open_what_they_are_for_and_no_more()
    {
        var workload = new Workload { Namespace = "n", Image = "i" };
        (string Role, Func<Grpc.Net.Client.GrpcChannel, Task> Call, StatusCode Status)[] table =
        [
            ("metrics", async c => await new Alerts.AlertsClient(c).ListAsync(new ListAlertsRequest()), StatusCode.PermissionDenied),
            ("viewer", async c => await new Alerts.AlertsClient(c).ListAsync(new ListAlertsRequest()), StatusCode.OK),
            ("viewer", async c => await new Workloads.WorkloadsClient(c).LockAsync(new LockRequest { Workload = workload }), StatusCode.PermissionDenied),
            ("analyst", async c => await new Workloads.WorkloadsClient(c).LockAsync(new LockRequest { Workload = workload }), StatusCode.NotFound),
            ("analyst", async c => await new Workloads.WorkloadsClient(c).LearnAsync(new LearnRequest { Workload = workload, Reset = true }), StatusCode.PermissionDenied),
            ("analyst", async c => await new Access.AccessClient(c).CreateJoinTokenAsync(new CreateJoinTokenRequest()), StatusCode.PermissionDenied),
            ("admin", async c => await new Access.AccessClient(c).CreateJoinTokenAsync(new CreateJoinTokenRequest()), StatusCode.OK),
        ];
        foreach (var (role, call, expected) in table)
        {
            var status = StatusCode.OK;
            try
            {
                await call(_collector.People(await _collector.TokenOfAsync(role)));
            }
            catch (RpcException e)
            {
                status = e.StatusCode;
            }
            Assert.Equal((role, expected), (role, status));
        }
        using var scraper = Http(await _collector.TokenOfAsync("metrics"));
        Assert.Contains("runtimeguard_workloads", await scraper.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Guessing_passwords_is_slowed_and_a_logout_ends_the_token()
    {
        await new Access.AccessClient(_collector.Admin()).LogoutAsync(new LogoutRequest());
        var gone = await Assert.ThrowsAsync<RpcException>(
            async () => await new Access.AccessClient(_collector.Admin()).WhoAmIAsync(new WhoAmIRequest()));
        var statuses = new List<StatusCode>();
        for (var i = 0; i < 7; i++)
        {
            statuses.Add((await Assert.ThrowsAsync<RpcException>(() => _collector.LoginAsync("admin", "guess"))).StatusCode);
        }
        Assert.Equal(StatusCode.Unauthenticated, gone.StatusCode);
        Assert.Equal(StatusCode.Unauthenticated, statuses[0]);
        Assert.Equal(StatusCode.ResourceExhausted, statuses[^1]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_watch_ends_when_its_token_expires_or_is_taken_back(bool expires)
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var collector = await CollectorFixture.StartAsync(time);
        var token = await collector.TokenOfAsync("viewer");
        using var watch = new Alerts.AlertsClient(collector.People(token)).Watch(new WatchAlertsRequest());
        using var health = new Grpc.Health.V1.Health.HealthClient(collector.People(token)).Watch(new Grpc.Health.V1.HealthCheckRequest());
        await watch.ResponseHeadersAsync;
        Assert.True(await health.ResponseStream.MoveNext(CancellationToken.None));
        if (!expires)
        {
            await new Access.AccessClient(collector.People(token)).LogoutAsync(new LogoutRequest());
        }
        var alerts = watch.ResponseStream.MoveNext(CancellationToken.None);
        var healthy = EndAsync(health.ResponseStream);
        var deadline = DateTime.UtcNow.AddSeconds(30);
        if (expires)
        {
            time.Advance(TimeSpan.FromMinutes(59));
            await Task.Delay(300);
            Assert.False(alerts.IsCompleted);
            time.Advance(TimeSpan.FromMinutes(1));
        }
        while (!alerts.IsCompleted || !healthy.IsCompleted)
        {
            Assert.True(DateTime.UtcNow < deadline, "the watch goes on");
            time.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(50);
        }

        var refused = await Assert.ThrowsAsync<RpcException>(() => alerts);
        Assert.Equal(StatusCode.Unauthenticated, refused.StatusCode);
        await healthy;
    }

    /// <summary>Reads until the stream ends, however.</summary>
    static async Task EndAsync<T>(IAsyncStreamReader<T> stream)
    {
        try
        {
            while (await stream.MoveNext(CancellationToken.None))
            {
            }
        }
        catch (RpcException e)
        {
            Assert.NotEqual(StatusCode.OK, e.StatusCode);
        }
    }
}
