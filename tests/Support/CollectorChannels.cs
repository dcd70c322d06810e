using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;

namespace RuntimeGuard.Tests.Support;

/// <summary>gRPC channels to a collector on this machine, trusting its CA and nothing else.</summary>
static class CollectorChannels
{
    public static GrpcChannel People(string caPath, int port, string? token) =>
        Open(caPath, port, null, token is null
            ? null
            : CallCredentials.FromInterceptor((_, metadata) =>
            {
                metadata.Add("authorization", $"Bearer {token}");
                return Task.CompletedTask;
            }));

    public static GrpcChannel Agents(string caPath, int port, X509Certificate2? client) => Open(caPath, port, client, null);

    static GrpcChannel Open(string caPath, int port, X509Certificate2? client, CallCredentials? credentials)
    {
        var tls = new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(caPath) },
            },
        };
        if (client is not null)
        {
            tls.ClientCertificates = [client];
        }
        return GrpcChannel.ForAddress($"https://localhost:{port}", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler { SslOptions = tls },
            DisposeHttpClient = true,
            MaxReceiveMessageSize = 64 << 20,
            Credentials = credentials is null ? null : ChannelCredentials.Create(new SslCredentials(), credentials),
        });
    }
}
