using Google.Protobuf;
using Grpc.Core;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>One stream per agent: who it is, Hello, Welcome, then <see cref="AgentStream"/> until either side ends it.</summary>
sealed class AgentGatewayService(CollectorParts parts) : AgentGateway.AgentGatewayBase
{
    static readonly TimeSpan HelloTimeout = TimeSpan.FromSeconds(10);

    public override async Task Connect(
        IAsyncStreamReader<FromAgent> requestStream, IServerStreamWriter<FromCollector> responseStream, ServerCallContext context)
    {
        using var life = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, parts.Stopping);
        var (node, enrolment) = await IdentifyAsync(context);
        var hello = await ReadHelloAsync(requestStream, node, life.Token);
        var key = new LaneKey(node, hello.SpoolId);
        string? closed = null;
        // A stream that ends by itself may be closed by another at the same moment: its source is gone then.
        void Close(string reason)
        {
            Interlocked.CompareExchange(ref closed, reason, null);
            try
            {
                life.Cancel();
            }
            catch (ObjectDisposedException)
            {
                closed = reason;
            }
        }
        var live = parts.Nodes.Connect(node, enrolment, hello, Close);
        var reason = "the agent closed its stream";
        try
        {
            parts.Diagnostics.AgentConnected(node, hello.Version, hello.SpoolId);
            var welcome = new FromCollector { Welcome = await WelcomeAsync(key, life.Token) };
            // A token here would abort the call without the status; the first message fits the smallest window.
            await responseStream.WriteAsync(welcome, CancellationToken.None);
            await new AgentStream(parts, live, key).RunAsync(requestStream, responseStream, life.Token);
        }
        catch (OperationCanceledException) when (closed is not null)
        {
            reason = closed;
            throw new RpcException(new Status(StatusCode.Aborted, closed));
        }
        catch (OperationCanceledException) when (parts.Stopping.IsCancellationRequested)
        {
            reason = "the collector stops";
            throw new RpcException(new Status(StatusCode.Unavailable, "the collector stops; reconnect"));
        }
        catch (InvalidProtocolBufferException e)
        {
            reason = "a message is not in the wire format";
            parts.Diagnostics.ItemsRejected.WithLabels("stream", "format").Inc();
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"{reason}: {e.Message}"));
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            reason = "the connection was lost";
            throw new RpcException(new Status(StatusCode.Cancelled, reason));
        }
        catch (LaneSequenceException e)
        {
            reason = e.Message;
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
        catch (HistoryException e)
        {
            reason = e.Message;
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
        catch (RpcException e)
        {
            reason = e.Status.Detail;
            throw;
        }
        finally
        {
            parts.Diagnostics.AgentDisconnected(node, reason);
            await parts.Nodes.DisconnectAsync(live, CancellationToken.None);
        }
    }

    async Task<(string Node, string Enrolment)> IdentifyAsync(ServerCallContext context)
    {
        try
        {
            return await AgentIdentity.RequireAsync(context, parts.Nodes);
        }
        catch (RpcException e)
        {
            parts.Diagnostics.StreamsRefused.WithLabels("identity").Inc();
            // Who has no certificate is counted only: no outsider fills the log.
            if (e.StatusCode != StatusCode.Unauthenticated)
            {
                parts.Diagnostics.StreamRefused(
                    context.GetHttpContext().Connection.RemoteIpAddress?.ToString() ?? "", e.Status.Detail);
            }
            throw;
        }
    }

    async Task<Hello> ReadHelloAsync(IAsyncStreamReader<FromAgent> stream, string node, CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource(HelloTimeout, parts.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, deadline.Token);
        Hello? hello = null;
        try
        {
            if (await stream.NextAsync(either.Token))
            {
                hello = stream.Current.Hello;
            }
        }
        catch (InvalidProtocolBufferException e)
        {
            throw Refuse(StatusCode.InvalidArgument, "hello", $"Hello is not in the wire format: {e.Message}");
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw Refuse(StatusCode.DeadlineExceeded, "hello", $"no Hello within {HelloTimeout.TotalSeconds:0} s");
        }
        if (hello is null)
        {
            throw Refuse(StatusCode.InvalidArgument, "hello", "the first message must be Hello");
        }
        if (hello.Node != node)
        {
            throw Refuse(StatusCode.PermissionDenied, "node",
                $"Hello names another node than the certificate, which is for '{node}'; an agent speaks for its own node only");
        }
        if (hello.Version.Length > WireLimits.Name || hello.BootId.Length > WireLimits.Name ||
            hello.Kernel.Length > WireLimits.Name || hello.Runtime.Length > WireLimits.Name ||
            hello.Capabilities.Count > WireLimits.Capabilities || !hello.Capabilities.All(capability =>
                capability.Event.Length <= WireLimits.Name && capability.Hook.Length <= WireLimits.Name &&
                capability.BlindReason.Length <= WireLimits.Text))
        {
            throw Refuse(StatusCode.InvalidArgument, "hello", "Hello has a field out of bounds");
        }
        return hello;
    }

    RpcException Refuse(StatusCode status, string label, string message)
    {
        parts.Diagnostics.StreamsRefused.WithLabels(label).Inc();
        return new RpcException(new Status(status, message));
    }

    async Task<Welcome> WelcomeAsync(LaneKey key, CancellationToken cancellation) => new()
    {
        Collector = ProductVersion.Text,
        TimeScale = parts.Options.TimeScale,
        TimeScaleOriginUnixNs = parts.TimeScaleOriginUnixNs,
        AnomaliesCommitted = await parts.Anomalies.CommittedAsync(key, cancellation),
        RecordsCommitted = parts.History.Committed(key)?.Seq ?? 0,
    };
}
