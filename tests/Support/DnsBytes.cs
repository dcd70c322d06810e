using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace RuntimeGuard.Tests.Support;

/// <summary>DNS messages as resolvers and servers write them.</summary>
static class DnsBytes
{
    public const ushort A = 1, Cname = 5, Aaaa = 28;

    /// <summary>One record of an answer; the data of a CNAME is a name.</summary>
    public sealed record Answer(string Owner, ushort Type, byte[] Data, uint Ttl = 60)
    {
        public static Answer Of(string owner, string address, uint ttl = 60) => IPAddress.Parse(address) is var ip
            && ip.GetAddressBytes() is { Length: 4 } four ? new(owner, A, four, ttl) : new(owner, Aaaa, IPAddress.Parse(address).GetAddressBytes(), ttl);

        public static Answer Alias(string owner, string target, uint ttl = 60) => new(owner, Cname, Name(target), ttl);
    }

    public static byte[] Question(ushort id, string name, ushort type = A) =>
        [(byte)(id >> 8), (byte)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. Name(name), 0, (byte)type, 0, 1];

    /// <summary>What a server sends to a question; an owner that is the question's name is written as a pointer to it.</summary>
    public static byte[] Reply(ReadOnlySpan<byte> question, params Answer[] answers)
    {
        var end = 12;
        while (question[end] != 0)
            end += question[end] + 1;
        var asked = Encoding.ASCII.GetString(question[12..end]);
        var message = new List<byte>(question[..(end + 5)].ToArray());
        (message[2], message[3]) = (0x81, (byte)(answers.Length == 0 ? 0x83 : 0x80));
        (message[6], message[7]) = ((byte)(answers.Length >> 8), (byte)answers.Length);
        (message[8], message[9], message[10], message[11]) = (0, 0, 0, 0);
        foreach (var answer in answers)
        {
            var owner = Name(answer.Owner);
            message.AddRange(Encoding.ASCII.GetString(owner[..^1]).Equals(asked, StringComparison.OrdinalIgnoreCase) ? [0xC0, 12] : owner);
            var fixedPart = new byte[10];
            BinaryPrimitives.WriteUInt16BigEndian(fixedPart, answer.Type);
            fixedPart[3] = 1;
            BinaryPrimitives.WriteUInt32BigEndian(fixedPart.AsSpan(4), answer.Ttl);
            BinaryPrimitives.WriteUInt16BigEndian(fixedPart.AsSpan(8), (ushort)answer.Data.Length);
            message.AddRange(fixedPart);
            message.AddRange(answer.Data);
        }
        return [.. message];
    }

    /// <summary>The name a question asks for.</summary>
    public static string NameOf(ReadOnlySpan<byte> question)
    {
        var labels = new List<string>();
        for (var at = 12; question[at] != 0; at += question[at] + 1)
            labels.Add(Encoding.ASCII.GetString(question.Slice(at + 1, question[at])));
        return string.Join('.', labels);
    }

    public static ushort TypeOf(ReadOnlySpan<byte> question)
    {
        var at = 12;
        while (question[at] != 0)
            at += question[at] + 1;
        return BinaryPrimitives.ReadUInt16BigEndian(question[(at + 1)..]);
    }

    static byte[] Name(string name)
    {
        var bytes = new List<byte>();
        foreach (var label in name.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            bytes.Add((byte)label.Length);
            bytes.AddRange(Encoding.ASCII.GetBytes(label));
        }
        return [.. bytes, 0];
    }
}
