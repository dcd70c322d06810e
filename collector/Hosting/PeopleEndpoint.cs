using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Prometheus;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.Registry;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>The people's port: console API, health, metrics and reflection, all behind <see cref="AccessGate"/>.</summary>
static class PeopleEndpoint
{
    const int MaxConnections = 1000;

    public static WebApplication Build(CollectorParts parts, ILoggerFactory loggers, X509Certificate2 certificate)
    {
        var builder = Endpoint.CreateBuilder(parts, loggers);
        builder.Services.AddSingleton(parts.BearerTokens).AddSingleton(parts.JoinTokens).AddSingleton(parts.LoginDesk)
            .AddSingleton(parts.Options).AddSingleton(parts.State).AddSingleton(parts.Time).AddSingleton(parts.Diagnostics);
        builder.Services.AddSingleton(new WorkloadView(parts.Registry, parts.Nodes, parts.State, parts.Time));
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks().AddCheck("stores", new StoresHealth(parts.State, parts.History))
            .AddCheck("parts", parts.Health);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            Endpoint.Limit(kestrel, MaxConnections, streamsPerConnection: 100);
            kestrel.Listen(parts.Options.Listen, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(https => Endpoint.Present(https, certificate, parts.Authority));
            });
        });
        var app = builder.Build();
        app.UseRouting();
        app.UseMiddleware<AccessGate>();
        app.MapGrpcService<AccessService>();
        app.MapGrpcService<AlertsService>();
        app.MapGrpcService<WorkloadsService>();
        app.MapGrpcService<HistoryService>();
        app.MapGrpcService<NodesService>();
        app.MapGrpcReflectionService();
        app.MapGrpcHealthChecksService();
        app.MapHealthChecks("/healthz");
        app.MapMetrics(settings => settings.Registry = parts.Diagnostics.Registry);
        return app;
    }
}
