using System.Net.Sockets;
using Grpc.Net.Client;

namespace RuntimeGuard.Agent.Containers;

/// <summary>gRPC over a unix socket, as container runtimes speak it.</summary>
static class UnixChannel
{
    /// <summary>
    /// A channel that connects when it is first used. An answer above <paramref name="maxAnswerBytes"/> fails its call
    /// with ResourceExhausted before it is read as a message.
    /// </summary>
    public static GrpcChannel Create(string socketPath, int maxAnswerBytes)
    {
        var endPoint = new UnixDomainSocketEndPoint(socketPath);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
            MaxResponseHeadersLength = 64,
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(endPoint, cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        return GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = maxAnswerBytes,
            MaxRetryAttempts = 1,
        });
    }
}
