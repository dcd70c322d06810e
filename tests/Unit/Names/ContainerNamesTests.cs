using System.Net;
using System.Text;
using RuntimeGuard.Agent.Names;
using RuntimeGuard.Tests.Support;
using static RuntimeGuard.Tests.Support.DnsBytes;

namespace RuntimeGuard.Tests.Unit.Names;

/// <summary>Who may name a container's peers.</summary>
public sealed class ContainerNamesTests
{
    const uint Host = 1, Own = 2;
    static readonly UInt128 Server = Address("10.96.0.10"), Peer = Address("192.0.2.7");
    readonly NameBudget _budget = new(100);

    [Fact]
    public void An_answer_to_what_was_asked_names_the_address()
    {
        using var names = Names("10.96.0.10");
        Assert.True(Exchange(names, Server, Question(7, "db.example.com"), 4000));
        Assert.Equal("db.example.com", NamedPeer(names));
    }

    [Theory]
    [InlineData("10.96.0.10", Own, false, true)]
    [InlineData("10.96.0.11", Own, false, false)] // not the runtime's
    [InlineData("10.96.0.10", Own, true, false)] // made inside: a container with raw sockets can be anybody on its loopback
    [InlineData("127.0.0.53", Own, true, false)]
    [InlineData("127.0.0.53", Host, true, true)] // the host's own resolver
    [InlineData("10.96.0.10", Host, true, true)]
    [InlineData("10.96.0.10", 0u, true, false)] // nobody knows where
    [InlineData("::ffff:10.96.0.10", Own, false, true)]
    public void Only_the_runtimes_nameservers_may_name(string server, uint network, bool loopback, bool trusted)
    {
        using var names = Names("10.96.0.10", "127.0.0.53");
        Assert.Equal(trusted, names.Trusts(Address(server), network, loopback));
    }

    [Fact]
    public void Without_nameservers_of_the_runtime_nobody_may()
    {
        using var names = Names();
        Assert.False(names.Trusts(Server, Own, overLoopback: false));
    }

    [Fact]
    public void An_answer_that_is_to_no_question_names_nothing()
    {
        var question = Question(7, "db.example.com");
        foreach (var answer in new (byte[] Message, ushort Port, UInt128 Server)[]
        {
            (Answered(Question(8, "db.example.com")), 4000, Server), // another id
            (Answered(Question(7, "evil.example.com")), 4000, Server),
            (Answered(question), 4001, Server), // another socket
            (Answered(question), 4000, Address("10.96.0.11")),
        })
        {
            using var names = Names("10.96.0.10", "10.96.0.11");
            Ask(names, question, 4000);
            Assert.False(Answer(names, answer.Message, answer.Port, answer.Server));
            Assert.Null(NamedPeer(names));
        }
    }

    [Fact]
    public void A_question_is_answered_once_and_in_time()
    {
        using var names = Names("10.96.0.10");
        var question = Question(7, "db.example.com");
        Assert.True(Exchange(names, Server, question, 4000));
        Assert.False(Answer(names, Answered(question), 4000, Server));
        Ask(names, question, 4000);
        Assert.False(Answer(names, Answered(question), 4000, Server, Questions.LongestNs + 1));
    }

    [Fact]
    public void The_oldest_question_makes_room()
    {
        using var names = Names("10.96.0.10");
        for (var i = 0; i <= Questions.Capacity; i++)
            Ask(names, Question((ushort)i, "a.example"), 4000);
        Assert.False(Answer(names, Answered(Question(0, "a.example")), 4000, Server));
        Assert.True(Answer(names, Answered(Question(1, "a.example")), 4000, Server));
        Assert.True(Answer(names, Answered(Question((ushort)Questions.Capacity, "a.example")), 4000, Server));
    }

    [Fact]
    public void An_error_names_nothing()
    {
        using var names = Names("10.96.0.10");
        var question = Question(7, "db.example.com");
        Ask(names, question, 4000);
        var refused = Answered(question);
        refused[3] = 0x85;
        Assert.True(Answer(names, refused, 4000, Server));
        Assert.Null(NamedPeer(names));
    }

    [Fact]
    public void An_answer_counts_before_a_service()
    {
        using var names = new ContainerNames([Server], new() { [Peer] = [.. "db.shop.svc"u8] }, _budget, Host);
        Assert.Equal("db.shop.svc", NamedPeer(names));
        Assert.True(Exchange(names, Server, Question(7, "db.example.com"), 4000));
        Assert.Equal("db.example.com", NamedPeer(names));
    }

    ContainerNames Names(params string[] nameservers) => new([.. nameservers.Select(Address)], [], _budget, Host);

    static bool Exchange(ContainerNames names, UInt128 server, byte[] question, ushort port)
    {
        Ask(names, question, port);
        return Answer(names, Answered(question), port, server);
    }

    static byte[] Answered(byte[] question) => Reply(question, DnsBytes.Answer.Of(NameOf(question), "192.0.2.7"));

    static void Ask(ContainerNames names, byte[] question, ushort port)
    {
        Assert.True(DnsMessage.TryRead(question, new byte[DnsName.Longest], out var message));
        names.Asked(message, port, Server, 0);
    }

    static bool Answer(ContainerNames names, byte[] answer, ushort port, UInt128 server, ulong nowNs = 1)
    {
        Assert.True(DnsMessage.TryRead(answer, new byte[DnsName.Longest], out var message));
        return names.Answered(message, port, server, nowNs);
    }

    static string? NamedPeer(ContainerNames names) => names.TryGet(Peer, 2, out var name) ? Encoding.ASCII.GetString(name) : null;

    static UInt128 Address(string text) => PeerAddress.Of(IPAddress.Parse(text).GetAddressBytes());
}
