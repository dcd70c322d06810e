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
    Task _background = Task.CompletedTask;

    CollectorServer(CollectorParts parts, ILoggerFactory loggers)
    {
        _parts = parts;
        _certificate = ServerCertificate.Load(parts.Options.Data);
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
        var server = new CollectorServer(parts, loggers);
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
        server._background = Task.WhenAll(new Housekeeping(parts).RunAsync(parts.Stopping), parts.Pump.RunAsync(parts.Stopping));
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

    /// <summary>Ends streams, lets calls finish, then closes the stores.</summary>
    public async ValueTask DisposeAsync()
    {
        await _parts.StopStreamsAsync();
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
        {
            await Task.WhenAll(_agents.StopAsync(patience.Token), _people.StopAsync(patience.Token));
        }
        await _background;
        await _agents.DisposeAsync();
        await _people.DisposeAsync();
        await _parts.DisposeAsync();
        _certificate.Dispose();
        _parts.Diagnostics.Stopped();
    }
}
