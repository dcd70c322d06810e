using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace RuntimeGuard.Tests.Support;

/// <summary>A nameserver on a loopback address of its own: it says what it was told, and that there is no such name otherwise.</summary>
sealed class DnsResponder : IDisposable
{
    readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    readonly ConcurrentDictionary<string, string[]> _names = new(StringComparer.OrdinalIgnoreCase);
    readonly Task _serving;

    DnsResponder(IPAddress address)
    {
        Address = address;
        _socket.Bind(new IPEndPoint(address, 53));
        _serving = Task.Run(ServeAsync);
    }

    public IPAddress Address { get; }

    /// <summary>On an address of 127.53.0.0/16 where nobody has port 53.</summary>
    public static DnsResponder Start()
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new DnsResponder(new IPAddress([127, 53, (byte)Random.Shared.Next(256), (byte)Random.Shared.Next(1, 255)]));
            }
            catch (SocketException) when (attempt < 20)
            {
                // Another run's; there are many others.
            }
        }
    }

    /// <summary>From now on the name has these addresses; they live for a second.</summary>
    public void Names(string name, params string[] addresses) => _names[name] = addresses;

    public void Dispose()
    {
        _socket.Dispose();
        _serving.GetAwaiter().GetResult();
    }

    async Task ServeAsync()
    {
        var buffer = new byte[1500];
        while (true)
        {
            try
            {
                var received = await _socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                var question = buffer.AsMemory(0, received.ReceivedBytes);
                await _socket.SendToAsync(Reply(question.Span), received.RemoteEndPoint);
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    byte[] Reply(ReadOnlySpan<byte> question)
    {
        var name = DnsBytes.NameOf(question);
        var type = DnsBytes.TypeOf(question);
        return DnsBytes.Reply(question, [.. _names.GetValueOrDefault(name, [])
            .Select(address => DnsBytes.Answer.Of(name, address, 1)).Where(answer => answer.Type == type)]);
    }
}
