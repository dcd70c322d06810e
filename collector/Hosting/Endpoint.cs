using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using RuntimeGuard.Collector.Gateway;
using RuntimeGuard.Collector.Trust;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>What both ports have in common: TLS, bounds, and the parts as they are.</summary>
static class Endpoint
{
    public static WebApplicationBuilder CreateBuilder(CollectorParts parts, ILoggerFactory loggers)
    {
        // An empty builder reads no configuration files or environment: every setting is in CollectorOptions.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "runtimeguard-collector" });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton(parts);
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = WireLimits.MessageBytes;
            grpc.MaxSendMessageSize = WireLimits.SentBytes;
            grpc.EnableDetailedErrors = false;
        });
        return builder;
    }

    public static void Limit(KestrelServerOptions kestrel, int maxConnections, int streamsPerConnection)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = maxConnections;
        kestrel.Limits.Http2.MaxStreamsPerConnection = streamsPerConnection;
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(10);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(10);
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
    }

    /// <summary>Presents the server's certificate with the announcement of the authority's key.</summary>
    public static void Present(HttpsConnectionAdapterOptions https, X509Certificate2 certificate, CertificateAuthority authority)
    {
        https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        https.ServerCertificate = certificate;
        https.ServerCertificateChain = [authority.Announcement];
        https.HandshakeTimeout = TimeSpan.FromSeconds(10);
    }
}
