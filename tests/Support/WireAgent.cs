using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using RuntimeGuard.Proto;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Support;

/// <summary>Speaks an agent's side of the wire, message by message, for tests of the collector.</summary>
sealed class WireAgent(string node, X509Certificate2 certificate, Func<GrpcChannel> open)
{
    public string Node => node;

    public X509Certificate2 Certificate => certificate;

    /// <summary>A new key, a signing request for it, and its holder's certificate from the collector.</summary>
    public static async Task<X509Certificate2> EnrolAsync(GrpcChannel channel, string token, string node)
    {
        var parts = token.Split('.');
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var response = await new Enrolment.EnrolmentClient(channel).EnrolAsync(new EnrolRequest
        {
            TokenId = parts[0],
            TokenSecret = parts[1],
            Node = node,
            Csr = Csr(key),
        });
        return WithKey(response, key);
    }

    public static ByteString Csr(ECDsa key, string subject = "CN=whatever") => ByteString.CopyFrom(
        new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSigningRequest());

    public static X509Certificate2 WithKey(EnrolResponse response, ECDsa key)
    {
        using var bare = X509CertificateLoader.LoadCertificate(response.Certificate.Span);
        using var held = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(held.Export(X509ContentType.Pkcs12), null);
    }

    public Task<WireStream> ConnectAsync(ulong spool, string? helloNode = null) =>
        WireStream.OpenAsync(open(), new Hello { Node = helloNode ?? node, SpoolId = spool, Version = "test" });
}

/// <summary>One open Connect stream after Welcome.</summary>
sealed class WireStream : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    readonly AsyncDuplexStreamingCall<FromAgent, FromCollector> _call;
    readonly Channel<Model> _models = Channel.CreateUnbounded<Model>();
    readonly Channel<EvidenceAck> _evidence = Channel.CreateUnbounded<EvidenceAck>();
    readonly Dictionary<Lane, ulong> _acked = [];
    readonly SemaphoreSlim _progress = new(0);
    Task _reader = Task.CompletedTask;

    WireStream(AsyncDuplexStreamingCall<FromAgent, FromCollector> call) => _call = call;

    public Welcome Welcome { get; private set; } = new();

    public static async Task<WireStream> OpenAsync(GrpcChannel channel, Hello hello)
    {
        var stream = new WireStream(new AgentGateway.AgentGatewayClient(channel).Connect());
        try
        {
            await stream.SendAsync(new FromAgent { Hello = hello });
        }
        catch (IOException)
        {
            // The connection went under the write; the read says how the call ended.
        }
        using var deadline = new CancellationTokenSource(Patience);
        Assert.True(await stream._call.ResponseStream.MoveNext(deadline.Token));
        stream.Welcome = stream._call.ResponseStream.Current.Welcome;
        stream._reader = stream.ReadAsync();
        return stream;
    }

    public Task SendAsync(FromAgent message) => _call.RequestStream.WriteAsync(message);

    public Task SendAsync(ulong firstSeq, params Anomaly[] anomalies) =>
        SendAsync(new FromAgent { Batch = new Batch { Lane = Lane.Anomalies, FirstSeq = firstSeq, Anomalies = { anomalies } } });

    public Task SendAsync(ulong firstSeq, params Record[] records) =>
        SendAsync(new FromAgent { Batch = new Batch { Lane = Lane.Records, FirstSeq = firstSeq, Records = { records } } });

    /// <summary>Waits until everything up to the number is acknowledged.</summary>
    public async Task AckedAsync(Lane lane, ulong seq)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            lock (_acked)
            {
                if (_acked.GetValueOrDefault(lane) >= seq)
                {
                    return;
                }
            }
            if (_reader.IsCompleted)
            {
                await _reader;
                throw new InvalidOperationException("the collector ended the stream before the ack");
            }
            await _progress.WaitAsync(deadline.Token);
        }
    }

    public ulong Acked(Lane lane)
    {
        lock (_acked)
        {
            return _acked.GetValueOrDefault(lane);
        }
    }

    public async Task<Model> ModelAsync(Func<Model, bool> wanted)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            var model = await _models.Reader.ReadAsync(deadline.Token);
            if (wanted(model))
            {
                return model;
            }
        }
    }

    public async Task<EvidenceAck> EvidenceAckAsync()
    {
        using var deadline = new CancellationTokenSource(Patience);
        return await _evidence.Reader.ReadAsync(deadline.Token);
    }

    /// <summary>Waits for the collector to end the stream and returns how it did.</summary>
    public async Task<Status> EndedAsync()
    {
        try
        {
            await _reader.WaitAsync(Patience);
            return _call.GetStatus();
        }
        catch (RpcException e)
        {
            return e.Status;
        }
    }

    async Task ReadAsync()
    {
        try
        {
            while (await _call.ResponseStream.MoveNext(CancellationToken.None))
            {
                var message = _call.ResponseStream.Current;
                switch (message.MessageCase)
                {
                    case FromCollector.MessageOneofCase.Ack:
                        lock (_acked)
                        {
                            _acked[message.Ack.Lane] = message.Ack.Seq;
                        }
                        break;
                    case FromCollector.MessageOneofCase.Model:
                        _models.Writer.TryWrite(message.Model);
                        break;
                    case FromCollector.MessageOneofCase.EvidenceAck:
                        _evidence.Writer.TryWrite(message.EvidenceAck);
                        break;
                    default:
                        throw new InvalidOperationException($"unexpected {message.MessageCase} after Welcome");
                }
                _progress.Release();
            }
        }
        finally
        {
            _progress.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _call.Dispose();
        await _reader.WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _progress.Dispose();
    }
}
