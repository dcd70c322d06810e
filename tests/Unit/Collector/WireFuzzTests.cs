using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Unit.Collector;

/// <summary>
/// Bytes no agent would send, as they are: most mutations of a message full of text are not UTF-8 any more, so a client
/// that parses them first would send only the harmless ones.
/// </summary>
public sealed class WireFuzzTests
{
    static readonly Marshaller<byte[]> Bytes = new(bytes => bytes, bytes => bytes);
    static readonly Method<byte[], byte[]> Connect =
        new(MethodType.DuplexStreaming, "runtimeguard.v1.AgentGateway", "Connect", Bytes, Bytes);

    static readonly byte[][] Seeds =
    [
        new FromAgent { Batch = new Batch { Lane = Lane.Anomalies, FirstSeq = 1, Anomalies = { CollectorItems.Anomaly() } } }.ToByteArray(),
        new FromAgent { Batch = new Batch { Lane = Lane.Records, FirstSeq = 1, Records = { new Record { Container = CollectorItems.Container() } } } }.ToByteArray(),
        new FromAgent { Heartbeat = new Heartbeat { Containers = { new ContainerStatus { Container = CollectorItems.Container() } } } }.ToByteArray(),
        new FromAgent { Watch = new WatchWorkloads { Workloads = { new Workload { Namespace = "n", Image = "i" } } } }.ToByteArray(),
        new FromAgent { Evidence = new Evidence { Workload = new Workload { Namespace = "n", Image = "i" }, Generation = 1 } }.ToByteArray(),
    ];

    [Fact]
    public async Task Mutated_messages_end_at_worst_their_stream_with_a_status_and_the_collector_goes_on()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var agent = await collector.EnrolAsync("node-a");
        var channel = collector.Agents(agent.Certificate);
        var random = new Random(20261124);
        var ends = new Dictionary<StatusCode, int>();
        for (var i = 0; i < 500; i++)
        {
            var hello = new FromAgent { Hello = new Hello { Node = "node-a", SpoolId = (ulong)i + 100, Version = "test" } };
            var status = await EndAsync(channel, hello.ToByteArray(), Mutate(Seeds[i % Seeds.Length], random));
            ends[status.StatusCode] = ends.GetValueOrDefault(status.StatusCode) + 1;
            Assert.True(status.StatusCode is StatusCode.OK or StatusCode.InvalidArgument or StatusCode.FailedPrecondition,
                $"mutation {i} ended its stream with {status}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", ends));
        Assert.True(ends.GetValueOrDefault(StatusCode.OK) > 50, $"too few were messages: {string.Join(", ", ends)}");
        Assert.True(ends.GetValueOrDefault(StatusCode.InvalidArgument) > 50, $"too few were refused: {string.Join(", ", ends)}");

        await using var good = await agent.ConnectAsync(spool: 1);
        await good.SendAsync(1, CollectorItems.Anomaly(lineage: 4711));
        await good.AckedAsync(Lane.Anomalies, 1);
        var listed = await new Alerts.AlertsClient(collector.Admin()).ListAsync(new ListAlertsRequest { Limit = 1000 });
        Assert.Contains(listed.Alerts, alert => alert.Worst.LineagePid == 4711);
    }

    /// <summary>Overwrites, flips single bits, cuts and doubles: what keeps the text text reaches the checks behind the parser.</summary>
    static byte[] Mutate(byte[] seed, Random random)
    {
        var bytes = (byte[])seed.Clone();
        for (var times = random.Next(1, 3); times > 0; times--)
        {
            var at = random.Next(bytes.Length);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes = bytes[..(at + 1)];
                    break;
                case 2:
                    bytes = [.. bytes, .. bytes.AsSpan(at)];
                    break;
                default:
                    bytes[at] ^= (byte)(1 << random.Next(7));
                    break;
            }
        }
        return bytes;
    }

    /// <summary>How the collector ends a stream of Hello, the bytes and the agent's own end.</summary>
    static async Task<Status> EndAsync(GrpcChannel channel, byte[] hello, byte[] bytes)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var call = channel.CreateCallInvoker().AsyncDuplexStreamingCall(
            Connect, null, new CallOptions(cancellationToken: deadline.Token));
        await call.RequestStream.WriteAsync(hello, deadline.Token);
        Assert.True(await call.ResponseStream.MoveNext(deadline.Token));
        await call.RequestStream.WriteAsync(bytes, deadline.Token);
        await call.RequestStream.CompleteAsync();
        try
        {
            while (await call.ResponseStream.MoveNext(deadline.Token))
            {
                Assert.NotEmpty(call.ResponseStream.Current);
            }
            return call.GetStatus();
        }
        catch (RpcException e)
        {
            return e.Status;
        }
    }
}
