using System.Net;
using System.Security.Cryptography.X509Certificates;
using Grpc.Net.Client;
using RuntimeGuard.Collector;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.Commands;
using RuntimeGuard.Collector.Hosting;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Support;

/// <summary>
/// A real collector inside the test process: own data directory, ephemeral ports, real certificates, `init` as a
/// person runs it. Restart keeps the data directory.
/// </summary>
sealed class CollectorFixture : IAsyncDisposable
{
    readonly List<IDisposable> _owned = [];
    readonly TimeProvider _time;
    readonly Func<CollectorOptions, CollectorOptions> _configure;
    CollectorServer? _server;

    CollectorFixture(TimeProvider time, Func<CollectorOptions, CollectorOptions> configure)
    {
        (_time, _configure) = (time, configure);
        Data = new DataDirectory(Directory.CreateTempSubdirectory("rg-collector-").FullName);
    }

    public DataDirectory Data { get; }

    /// <summary>Warnings and errors of the collector.</summary>
    public LogLines Log { get; } = new();

    public string AdminPassword { get; private set; } = "";

    /// <summary>A bearer token of the admin user.</summary>
    public string AdminToken { get; private set; } = "";

    public CollectorServer Server => _server ?? throw new InvalidOperationException("the collector is stopped");

    public string CaPath => Data.CaCertificate;

    public static async Task<CollectorFixture> StartAsync(
        TimeProvider? time = null, Func<CollectorOptions, CollectorOptions>? configure = null)
    {
        var fixture = new CollectorFixture(time ?? TimeProvider.System, configure ?? (options => options));
        fixture.AdminPassword = await InitialiseAsync(fixture.Data);
        await fixture.StartServerAsync();
        fixture.AdminToken = (await fixture.LoginAsync("admin", fixture.AdminPassword)).Token;
        return fixture;
    }

    /// <summary>Runs `init` and returns the admin's password.</summary>
    public static async Task<string> InitialiseAsync(DataDirectory data)
    {
        using var output = new StringWriter();
        Assert.Equal(0, await InitCommand.RunAsync(data, ["collector.test"], output, CancellationToken.None));
        return output.ToString().Split("(shown once): ")[1].Trim().Split('\n')[0];
    }

    public async Task StartServerAsync() =>
        _server = await CollectorServer.StartAsync(_configure(new CollectorOptions
        {
            Data = Data,
            AgentListen = new IPEndPoint(IPAddress.Loopback, 0),
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
        }), Log, _time, CancellationToken.None);

    public async Task StopServerAsync()
    {
        await Server.DisposeAsync();
        _server = null;
    }

    public async Task<string> JoinTokenAsync(string node = "", int uses = 1, TimeSpan? lifetime = null) =>
        (await Server.Parts.JoinTokens.CreateAsync(
            node, lifetime ?? JoinTokens.DefaultLifetime, uses, "test", CancellationToken.None)).Token;

    /// <summary>A channel to the people's port that trusts the collector's CA alone.</summary>
    public GrpcChannel People(string? token = null) => Own(CollectorChannels.People(CaPath, Server.Port, token));

    public GrpcChannel Admin() => People(AdminToken);

    public GrpcChannel Agents(X509Certificate2? client = null) =>
        Own(CollectorChannels.Agents(CaPath, Server.AgentPort, client));

    public async Task<LoginResponse> LoginAsync(string user, string password) =>
        await new Access.AccessClient(People()).LoginAsync(new LoginRequest { User = user, Password = password });

    /// <summary>Adds a user of the role and returns a token of theirs.</summary>
    public async Task<string> TokenOfAsync(string role) =>
        (await Server.Parts.BearerTokens.IssueAsync(
            $"test-{role}", Roles.Parse(role), TimeSpan.FromHours(1), CancellationToken.None)).Token;

    /// <summary>Enrols a node and returns an agent for it that speaks the wire protocol, not yet connected.</summary>
    public async Task<WireAgent> EnrolAsync(string node)
    {
        var certificate = await WireAgent.EnrolAsync(Agents(), await JoinTokenAsync(node), node);
        return new WireAgent(node, Own(certificate), () => Agents(certificate));
    }

    T Own<T>(T owned) where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in _owned)
        {
            owned.Dispose();
        }
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
        Directory.Delete(Data.Root, recursive: true);
    }
}
