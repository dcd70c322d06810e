using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using RuntimeGuard.Collector.Gateway;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>The agents' port: enrolment and the gateway, and nothing of the people's port.</summary>
static class AgentEndpoint
{
    const int MaxConnections = 10_000;

    public static WebApplication Build(CollectorParts parts, ILoggerFactory loggers, X509Certificate2 certificate)
    {
        var builder = Endpoint.CreateBuilder(parts, loggers);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            Endpoint.Limit(kestrel, MaxConnections, streamsPerConnection: 16);
            kestrel.Listen(parts.Options.AgentListen, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.UseHttps(https =>
                {
                    Endpoint.Present(https, certificate, parts.Authority);
                    // Optional, because a node that enrols has none yet; AgentIdentity asks for it where it is needed.
                    https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                    https.ClientCertificateValidation = (client, _, _) => parts.Authority.IsOwnClient(client, parts.Time.GetUtcNow());
                });
            });
        });
        var app = builder.Build();
        app.MapGrpcService<EnrolmentService>();
        app.MapGrpcService<AgentGatewayService>();
        return app;
    }
}
