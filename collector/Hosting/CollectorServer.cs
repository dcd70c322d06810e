using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Connections;
using RuntimeGuard.Collector.Trust;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>One running collector: its parts and its two ports. Dispose to stop it in good order.</summary>
sealed class CollectorServer : IAsyncDisposable
{
    readonly CollectorParts _parts;
    readonly System.Security.Cryptography.X509Certificates.X509Certificate2 _certificate;
    readonly WebApplication _agents;
    readonly WebApplication _people;
    readonly Housekeeping _housekeeping;
    Task _background = Task.CompletedTask;

    CollectorServer(CollectorParts parts, ILoggerFactory loggers)
    {
        _parts = parts;
        _certificate = ServerCertificate.Load(parts.Options.Data);
        _housekeeping = new Housekeeping(parts);
        _agents = AgentEndpoint.Build(parts, loggers, _certificate);
        _people = PeopleEndpoint.Build(parts, loggers, _certificate);
    }

    public CollectorParts Parts => _parts;

    public int AgentPort { get; private set; }

    public int Port { get; private set; }

    /// <summary>Every route of the people's port, for the test that walks them.</summary>
    public IEnumerable<Microsoft.AspNetCore.Routing.RouteEndpoint> PeopleRoutes =>
        _people.Services.GetRequiredService<Microsoft.AspNetCore.Routing.EndpointDataSource>().Endpoints
            .OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>();

    /// <exception cref="CollectorException">The data directory is not initialised, or a port is taken.</exception>
    public static async Task<CollectorServer> StartAsync(
        CollectorOptions options, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellation)
    {
        var diagnostics = new CollectorDiagnostics(loggers.CreateLogger("collector"));
        var parts = await CollectorParts.OpenAsync(options, diagnostics, time, cancellation);
        CollectorServer server;
        try
        {
            server = new CollectorServer(parts, loggers);
        }
        catch
        {
            await parts.DisposeAsync();
            throw;
        }
        try
        {
            server.AgentPort = await ListenAsync(server._agents, options.AgentListen, "--agent-listen", cancellation);
            server.Port = await ListenAsync(server._people, options.Listen, "--listen", cancellation);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
        server._background = Task.WhenAll(
            BackgroundLoop.RunAsync("housekeeping", parts.Health,
                server._housekeeping.WaitAsync, server._housekeeping.StepAsync, parts.Stopping),
            BackgroundLoop.RunAsync("copying anomalies to history", parts.Health,
                parts.Pump.WaitAsync, parts.Pump.StepAsync, parts.Stopping));
        if (options.TimeScale != 1)
        {
            diagnostics.TimeScaled(options.TimeScale);
        }
        diagnostics.Started(ProductVersion.Text, $"{options.AgentListen.Address}:{server.AgentPort}", $"{options.Listen.Address}:{server.Port}");
        return server;
    }

    static async Task<int> ListenAsync(WebApplication app, IPEndPoint wanted, string option, CancellationToken cancellation)
    {
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new CollectorException($"cannot listen on {wanted}: the port is taken; stop what uses it or give another {option}", e);
        }
        catch (System.Net.Sockets.SocketException e)
        {
            throw new CollectorException($"cannot listen on {wanted}: {e.Message}; give another {option}", e);
        }
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        return new Uri(addresses.First()).Port;
    }

    /// <summary>Ends streams, lets calls finish, then closes the stores: always, whatever could not be ended in good order.</summary>
    public async ValueTask DisposeAsync()
    {
        await Closing.AllAsync(_parts.Diagnostics,
            ("streams", async () => await _parts.StopStreamsAsync()),
            ("the agents' port", () => StopAsync(_agents)),
            ("the people's port", () => StopAsync(_people)),
            ("background parts", async () => await _background),
            Closing.Step("housekeeping", _housekeeping),
            Closing.Step("the agents' port", (IAsyncDisposable)_agents),
            Closing.Step("the people's port", (IAsyncDisposable)_people),
            Closing.Step("parts", _parts),
            Closing.Step("the certificate", _certificate));
        _parts.Diagnostics.Stopped();
    }

    static async ValueTask StopAsync(WebApplication app)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await app.StopAsync(patience.Token);
    }
}
