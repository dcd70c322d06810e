using System.Net.Security;
using Grpc.Core;
using Grpc.Net.Client;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>One connection to the collector, trusting the login's CA and nothing else. Dispose ends it.</summary>
sealed class Collector : IDisposable
{
    static readonly TimeSpan CallDeadline = TimeSpan.FromSeconds(60);

    readonly SocketsHttpHandler _handler;
    readonly GrpcChannel _channel;
    readonly PinnedCa _ca;
    readonly string _token;
    readonly TimeProvider _clock;

    public Collector(Login login, TimeProvider clock)
    {
        Server = login.Server;
        _token = login.Token;
        _clock = clock;
        _ca = PinnedCa.FromPem(login.Ca);
        _handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            // A collector that vanished without closing is noticed by a watch within half a minute.
            KeepAlivePingDelay = TimeSpan.FromSeconds(20),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, certificate, _, errors) => _ca.Accepts(certificate, errors),
            },
        };
        _channel = GrpcChannel.ForAddress($"https://{login.Server}", new GrpcChannelOptions
        {
            HttpHandler = _handler,
            MaxReceiveMessageSize = 64 * 1024 * 1024,
        });
        Access = new Access.AccessClient(_channel);
        Alerts = new Alerts.AlertsClient(_channel);
        Workloads = new Workloads.WorkloadsClient(_channel);
        History = new History.HistoryClient(_channel);
        Nodes = new Nodes.NodesClient(_channel);
    }

    public string Server { get; }

    public Access.AccessClient Access { get; }

    public Alerts.AlertsClient Alerts { get; }

    public Workloads.WorkloadsClient Workloads { get; }

    public History.HistoryClient History { get; }

    public Nodes.NodesClient Nodes { get; }

    /// <summary>Options of a call that answers once.</summary>
    public CallOptions Call(CancellationToken cancellation) =>
        Stream(cancellation).WithDeadline(_clock.GetUtcNow().UtcDateTime + CallDeadline);

    /// <summary>Options of a call that answers as long as it likes.</summary>
    public CallOptions Stream(CancellationToken cancellation)
    {
        var headers = new Metadata();
        if (_token.Length > 0)
        {
            headers.Add("authorization", $"Bearer {_token}");
        }

        return new CallOptions(headers, cancellationToken: cancellation);
    }

    public void Dispose()
    {
        _channel.Dispose();
        _handler.Dispose();
        _ca.Dispose();
    }
}
