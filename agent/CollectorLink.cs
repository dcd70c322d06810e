using System.Net.Security;
using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// The one stream to the collector: connect, greet, send from the spool, take acks and models, reconnect with jitter.
/// Runs on tasks; meets the event loop only through two bounded channels.
/// </summary>
sealed class CollectorLink(AgentOptions options, NodeIdentity identity, Spool spool, Hello hello, LinkDiagnostics diagnostics)
{
    const int ControlQueue = 1024;  // newest refused and counted: all of it is said again on reconnect
    const int InboxQueue = 4096;    // the reader waits when full: backpressure reaches the collector
    static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(10);

    readonly Channel<FromAgent> _control = Channel.CreateBounded<FromAgent>(ControlQueue);
    readonly Channel<LinkMessage> _inbox = Channel.CreateBounded<LinkMessage>(InboxQueue);
    readonly Channel<bool> _somethingToSend = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    bool _refused;  // the collector no longer takes our identity

    /// <summary>Takes the next message for the event loop; its wake-up was called when one came.</summary>
    public bool TryReceive(out LinkMessage message) => _inbox.Reader.TryRead(out message);

    /// <summary>Heartbeat, watched workloads or evidence; false when refused. Loop thread.</summary>
    public bool TrySend(FromAgent message)
    {
        if (!_control.Writer.TryWrite(message))
        {
            diagnostics.Counters.Add(Counter.ControlQueueFull);
            return false;
        }
        Nudge();
        return true;
    }

    /// <summary>Something new lies in the spool or the control queue. Any thread.</summary>
    public void Nudge() => _somethingToSend.Writer.TryWrite(true);

    /// <summary>Keeps the stream up until cancelled. Throws only what no retry can mend.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var retry = FirstRetry;
        while (!cancellation.IsCancellationRequested)
        {
            var trouble = "the stream ended";
            try
            {
                if (await ConnectAsync(cancellation))
                    retry = FirstRetry;
                _refused = false;
            }
            catch (Exception e) when (e is RpcException or HttpRequestException or IOException or OperationCanceledException)
            {
                _refused = e is RpcException { StatusCode: StatusCode.PermissionDenied or StatusCode.Unauthenticated };
                trouble = e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message;
            }
            if (cancellation.IsCancellationRequested)
                return;
            await TellLoopAsync(new LinkMessage { Disconnected = true }, cancellation);
            var pause = retry * (0.5 + Random.Shared.NextDouble());
            diagnostics.Log.Disconnected(options.Collector, trouble, pause.TotalSeconds);
            await Task.Delay(pause, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
        }
    }

    /// <summary>One connection's life; true when the collector welcomed us.</summary>
    async Task<bool> ConnectAsync(CancellationToken cancellation)
    {
        await new Enrolment(identity, options).EnsureEnrolledAsync(_refused, cancellation);
        using var certificate = identity.LoadCertificate();
        using var channel = Open(certificate);
        var renewAt = certificate.NotBefore + (certificate.NotAfter - certificate.NotBefore) * (2.0 / 3);
        if (DateTime.Now > renewAt)
        {
            await new Enrolment(identity, options).RenewAsync(channel, cancellation);
            return true;
        }
        using var life = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        life.CancelAfter(TimeSpan.FromMilliseconds(Math.Min((renewAt - DateTime.Now).TotalMilliseconds + 1000, int.MaxValue)));
        using var call = new AgentGateway.AgentGatewayClient(channel).Connect(cancellationToken: life.Token);
        await call.RequestStream.WriteAsync(new FromAgent { Hello = hello }, life.Token);
        if (!await call.ResponseStream.MoveNext(life.Token) || call.ResponseStream.Current.Welcome is not { } welcome)
            throw new RpcException(new Status(StatusCode.FailedPrecondition, "the collector's first word was not Welcome"));
        if (welcome.TimeScale != 1 && !options.AllowTimeScale)
        {
            diagnostics.Log.TimeScaleRefused(options.Collector, welcome.TimeScale);
            return false;
        }
        diagnostics.Log.Connected(welcome.Collector, welcome.AnomaliesCommitted, welcome.RecordsCommitted);
        while (_control.Reader.TryRead(out _))
        {
        }
        await TellLoopAsync(new LinkMessage { Connected = welcome }, life.Token);
        var sending = SendAsync(call.RequestStream, welcome, life.Token);
        var receiving = ReceiveAsync(call.ResponseStream, life.Token);
        var first = await Task.WhenAny(sending, receiving);
        await life.CancelAsync();
        await Task.WhenAll(sending, receiving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
        return true;
    }

    async Task SendAsync(IClientStreamWriter<FromAgent> stream, Welcome welcome, CancellationToken cancellation)
    {
        var anomalies = new LaneSender(Lane.Anomalies, spool.Anomalies, welcome.AnomaliesCommitted);
        var records = new LaneSender(Lane.Records, spool.Records, welcome.RecordsCommitted);
        while (true)
        {
            while (_control.Reader.TryRead(out var message))
                await stream.WriteAsync(message, cancellation);
            if ((anomalies.Next() ?? records.Next()) is { } batch)
                await stream.WriteAsync(new FromAgent { Batch = batch }, cancellation);
            else
                await _somethingToSend.Reader.ReadAsync(cancellation);
        }
    }

    async Task ReceiveAsync(IAsyncStreamReader<FromCollector> stream, CancellationToken cancellation)
    {
        while (await stream.MoveNext(cancellation))
        {
            switch (stream.Current.MessageCase)
            {
                case FromCollector.MessageOneofCase.Ack when stream.Current.Ack.Lane is Lane.Anomalies or Lane.Records:
                    spool[stream.Current.Ack.Lane].Acknowledge(stream.Current.Ack.Seq);
                    Nudge();
                    break;
                case FromCollector.MessageOneofCase.Model:
                    await TellLoopAsync(new LinkMessage { Model = stream.Current.Model }, cancellation);
                    break;
                case FromCollector.MessageOneofCase.EvidenceAck:
                    await TellLoopAsync(new LinkMessage { EvidenceAck = stream.Current.EvidenceAck }, cancellation);
                    break;
            }
        }
    }

    async ValueTask TellLoopAsync(LinkMessage message, CancellationToken cancellation)
    {
        await _inbox.Writer.WriteAsync(message, cancellation);
        diagnostics.WakeLoop();
    }

    GrpcChannel Open(System.Security.Cryptography.X509Certificates.X509Certificate2 certificate) =>
        GrpcChannel.ForAddress($"https://{options.Collector}", new GrpcChannelOptions
        {
            DisposeHttpClient = true,
            MaxReceiveMessageSize = 16 << 20,
            HttpHandler = new SocketsHttpHandler
            {
                ConnectTimeout = TimeSpan.FromSeconds(10),
                KeepAlivePingDelay = TimeSpan.FromSeconds(10),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
                SslOptions = new SslClientAuthenticationOptions
                {
                    ClientCertificates = [certificate],
                    RemoteCertificateValidationCallback = identity.TrustOnlyAuthority(),
                },
            },
        });
}

/// <summary>How the link is heard: log, counters, and the event loop's wake-up.</summary>
sealed record LinkDiagnostics(ILogger Log, Counters Counters, Action WakeLoop);
