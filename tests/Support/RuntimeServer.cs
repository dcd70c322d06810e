using System.Buffers.Binary;
using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace RuntimeGuard.Tests.Support;

/// <summary>
/// A container runtime's gRPC server on a unix socket that says exactly what a test makes it say, byte by byte if need
/// be: for answers no honest runtime gives.
/// </summary>
public sealed class RuntimeServer : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly ConcurrentDictionary<string, Func<byte[], HttpContext, Task<byte[]>>> _methods = new();
    readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("rg-cri-");

    RuntimeServer()
    {
        SocketPath = Path.Combine(_directory.FullName, "cri.sock");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k =>
            k.ListenUnixSocket(SocketPath, l => l.Protocols = HttpProtocols.Http2));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public string SocketPath { get; }

    /// <summary>"service/method" of every call, in order.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    public static async Task<RuntimeServer> StartAsync()
    {
        var server = new RuntimeServer();
        await server._app.StartAsync();
        return server;
    }

    public void On<TRequest>(string method, Func<TRequest, IMessage> answer)
        where TRequest : IMessage<TRequest>, new() =>
        _methods[method] = (bytes, _) =>
        {
            var request = new TRequest();
            request.MergeFrom(bytes);
            return Task.FromResult(Frame(answer(request).ToByteArray()));
        };

    /// <summary>Answers with these bytes where a length-prefixed message should be.</summary>
    public void OnRaw(string method, byte[] body) => _methods[method] = (_, _) => Task.FromResult(body);

    /// <summary>Takes the call and never answers.</summary>
    public void OnSilence(string method) => _methods[method] = async (_, context) =>
    {
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
        return [];
    };

    public static byte[] Frame(byte[] message)
    {
        var frame = new byte[message.Length + 5];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    async Task AnswerAsync(HttpContext context)
    {
        var method = context.Request.Path.Value!.TrimStart('/');
        Calls.Enqueue(method);
        context.Response.ContentType = "application/grpc";
        if (!_methods.TryGetValue(method, out var answer))
        {
            context.Response.Headers["grpc-status"] = ((int)StatusCode.Unimplemented).ToString();
            return;
        }
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        byte[] reply;
        try
        {
            reply = await answer(body.ToArray().AsSpan(5).ToArray(), context);
        }
        catch (RpcException e)
        {
            context.Response.Headers["grpc-status"] = ((int)e.StatusCode).ToString();
            return;
        }
        catch (OperationCanceledException)
        {
            context.Abort();
            return;
        }
        await context.Response.Body.WriteAsync(reply);
        context.Response.AppendTrailer("grpc-status", "0");
    }
}
