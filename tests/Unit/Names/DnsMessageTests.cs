using System.Net;
using System.Text;
using CsCheck;
using RuntimeGuard.Agent.Names;
using static RuntimeGuard.Tests.Support.DnsBytes;

namespace RuntimeGuard.Tests.Unit.Names;

public sealed class DnsMessageTests
{
    [Fact]
    public void A_question_is_its_name_in_lower_case()
    {
        var (message, name) = Read(Question(0x1234, "DB.Shop.example.COM"));
        Assert.Equal("db.shop.example.com", name);
        Assert.Equal((0x1234, false), (message.Id, message.Answer));
        Assert.Equal("a_b_.c", Read(Question(1, "a b\x01.c")).Name);
        Assert.Equal("", Read(Question(1, "")).Name);
    }

    [Theory]
    [InlineData("192.0.2.7")]
    [InlineData("2001:db8::7")]
    public void An_answer_gives_the_addresses_of_the_name_asked(string address) => Assert.Equal([$"{address} 60"],
        Addresses(Question(1, "a.example"), Answer.Of("a.example", address), Answer.Of("b.example", "192.0.2.9")));

    [Fact]
    public void Aliases_lead_to_addresses_in_any_order_and_the_shortest_life_counts()
    {
        Assert.Equal(["192.0.2.7 20", "192.0.2.8 20"], Addresses(Question(1, "www.example"),
            Answer.Of("cdn.example.net", "192.0.2.7", 300), Answer.Alias("edge.example", "cdn.example.net", 20),
            Answer.Alias("www.example", "edge.example", 50), Answer.Of("cdn.example.net", "192.0.2.8", 300)));
        Assert.Empty(Addresses(Question(1, "a.example"), Answer.Alias("a.example", "b.example"), Answer.Alias("b.example", "a.example")));
    }

    [Fact]
    public void What_was_cut_off_ends_the_reading()
    {
        var whole = Reply(Question(1, "a.example"), [.. Enumerable.Range(1, 20).Select(i => Answer.Of("a.example", $"192.0.2.{i}"))]);
        var seen = 20;
        for (var length = whole.Length; length > 12; length--)
        {
            var now = TryRead(whole[..length], out _, out var addresses) ? addresses.Count : 0;
            Assert.InRange(now, 0, seen);
            seen = now;
        }
        Assert.Equal(0, seen);
    }

    [Fact]
    public void No_more_addresses_than_there_is_room_for() => Assert.Equal(DnsMessage.MostAddresses,
        Addresses(Question(1, "a.example"), [.. Enumerable.Range(0, 100).Select(i => Answer.Of("a.example", $"192.0.2.{i}"))]).Count);

    [Theory]
    [InlineData(new byte[] { 0xC0, 12 })] // to itself
    [InlineData(new byte[] { 1, (byte)'a', 0xC0, 12 })]
    [InlineData(new byte[] { 0xC0, 200 })]
    [InlineData(new byte[] { 0xC0, 255, 0 })]
    [InlineData(new byte[] { 0x40, 0 })]
    [InlineData(new byte[] { 63, 0 })]
    public void Names_that_lead_round_or_out_are_refused(byte[] name) =>
        Assert.False(TryRead([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. name, 0, 1, 0, 1], out _, out _));

    [Theory]
    [InlineData(2, 0x28)] // another operation
    [InlineData(5, 2)] // two questions
    [InlineData(5, 0)]
    public void Other_messages_are_none(int at, byte value)
    {
        var message = Question(1, "a.example");
        message[at] = value;
        Assert.False(TryRead(message, out _, out _));
    }

    [Fact]
    public void Names_longer_than_a_name_can_be_are_refused()
    {
        string label = new('a', 63);
        Assert.Equal(253, Read(Question(1, $"{label}.{label}.{label}.{label[..61]}")).Name.Length);
        Assert.False(TryRead(Question(1, $"{label}.{label}.{label}.{label[..62]}"), out _, out _));
    }

    [Fact]
    public void Whatever_the_bytes_are_reading_ends_and_throws_nothing()
    {
        var whole = Reply(Question(7, "a.b.example"), Answer.Alias("a.b.example", "c.example"), Answer.Of("c.example", "192.0.2.1"),
            Answer.Of("c.example", "2001:db8::1"));
        Gen.Frequency(
            (1, Gen.Byte.Array[0, 600]),
            (4, Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte).Array[1, 12].Select(changes =>
            {
                var changed = whole.ToArray();
                foreach (var (at, value) in changes)
                    changed[at] = value;
                return changed;
            })),
            // Names of nothing but pointers and labels.
            (1, Gen.OneOf(Gen.Const((byte)0xC0), Gen.Byte[0, 40]).Array[0, 300].Select(
                tail => (byte[])[0, 1, 0x81, 0x80, 0, 1, 0, 60, 0, 0, 0, 0, 1, (byte)'a', 0, 0, 1, 0, 1, .. tail]))).Sample(bytes =>
            {
                if (TryRead(bytes, out var name, out _))
                    Assert.All(name, c => Assert.True(char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || "-_.".Contains(c)));
            }, iter: 20_000, threads: 1);
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        var bytes = Reply(Question(7, "a.b.example"), Answer.Alias("a.b.example", "c.example"), Answer.Of("c.example", "192.0.2.1"));
        var name = new byte[DnsName.Longest];
        var addresses = new DnsAddress[DnsMessage.MostAddresses];
        var found = 0;
        void Once()
        {
            Assert.True(DnsMessage.TryRead(bytes, name, out var message));
            found = message.ReadAddresses(addresses);
        }
        Once();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            Once();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(1, found);
    }

    static ((int Id, bool Answer) Message, string Name) Read(byte[] bytes)
    {
        Assert.True(DnsMessage.TryRead(bytes, new byte[DnsName.Longest], out var message));
        return ((message.Id, message.IsAnswer), Encoding.ASCII.GetString(message.Name));
    }

    static List<string> Addresses(byte[] question, params Answer[] answers)
    {
        Assert.True(TryRead(Reply(question, answers), out _, out var addresses));
        return addresses;
    }

    static bool TryRead(byte[] bytes, out string name, out List<string> addresses)
    {
        (name, addresses) = ("", []);
        if (!DnsMessage.TryRead(bytes, new byte[DnsName.Longest], out var message))
            return false;
        var into = new DnsAddress[DnsMessage.MostAddresses];
        name = Encoding.ASCII.GetString(message.Name);
        addresses = [.. into[..message.ReadAddresses(into)].Select(a => $"{Address(a.Address)} {a.TtlSeconds}")];
        return true;
    }

    static IPAddress Address(UInt128 number)
    {
        var bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
        var address = new IPAddress(bytes);
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }
}
