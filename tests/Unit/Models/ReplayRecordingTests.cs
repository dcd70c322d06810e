using System.Buffers.Binary;
using System.IO.Hashing;
using CsCheck;
using RuntimeGuard.Models.Replay;
using static RuntimeGuard.Tests.Unit.Models.ReplayEvents;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class ReplayRecordingTests
{
    static readonly string Mixed = string.Join('\n', Enumerable.Range(0, 3000).Select(i => Line.Trim()
        .Replace("000000000000", $"{i:000000000000}").Replace("\"c1\"", $"\"c{i % 3}\",\"runs_to_completion\":true,\"secret_mounts\":[\"/mnt/a\"]")
        .Replace("\"open\"", $"\"{RecordedKinds.NameOf((RecordedKind)(1 + (i % 28)))}\"").Replace("nginx.conf", $"{i % 700}.conf")
        .Replace("\"path2\":\"\"", $"\"path2\":\"/b{i}\"").Replace("[\"read\"]", i % 5 == 0 ? "[\"failed\",\"not_in_image\"]" : "[]")
        .Replace("\"remote\":\"\",\"port\":0", $"\"remote\":\"10.1.{i % 9}.7\",\"port\":{i}").Replace("\"name\":\"\"", "\"name\":\"é.b\",\"mode\":493")));

    static byte[] Whole => Record(Lines(Mixed));

    [Fact]
    public void A_recording_holds_what_the_lines_held()
    {
        var bytes = Whole;
        Assert.Equal(Texts(Lines(Mixed)), Texts(Recording(bytes)));
        Assert.True(bytes.Length < Mixed.Length / 8, $"{bytes.Length} bytes of {Mixed.Length}");
        Assert.Equal(bytes, Record(Recording(bytes)));
    }

    [Fact]
    public void A_cut_recording_is_known_as_one_wherever_it_was_cut()
    {
        var bytes = Whole;
        foreach (var length in new[] { 0, 7, 15, 16, 20, 40, bytes.Length / 2, bytes.Length - 17, bytes.Length - 16, bytes.Length - 1 })
            Assert.NotEmpty(Assert.Throws<ReplayException>(() => Texts(Recording(bytes[..length]))).Remedy);
    }

    [Fact]
    public void A_damaged_recording_is_known_as_one_wherever_it_was_damaged()
    {
        var bytes = Whole;
        for (var at = 0; at < bytes.Length; at += 211)
        {
            var damaged = bytes.ToArray();
            damaged[at] ^= 0x10;
            if (at is < 12 or >= 16) // reserved bytes of the header
                Assert.Throws<ReplayException>(() => Texts(Recording(damaged)));
        }
    }

    [Fact]
    public void Another_version_says_which_one_is_read()
    {
        var bytes = Whole;
        bytes[8] = 9;
        Assert.Contains("version 9, this program reads 1", Assert.Throws<ReplayException>(() => Recording(bytes)).Message);
        Assert.Contains("no recording", Assert.Throws<ReplayException>(() => Recording("{\"kind\":1}"u8.ToArray())).Message);
    }

    [Fact]
    public void Hostile_blocks_with_right_hashes_end_in_a_refusal_or_records_and_nothing_else()
    {
        var whole = Whole;
        var payload = whole[32..(32 + BinaryPrimitives.ReadInt32LittleEndian(whole.AsSpan(16)))][..2000];
        Gen.Frequency(
            (1, Gen.Byte.Array[1, 300]),
            (3, Gen.Select(Gen.Int[0, payload.Length - 1], Gen.Byte).Array[1, 20].Select(changes =>
            {
                var changed = payload.ToArray();
                foreach (var (at, value) in changes)
                    changed[at] = value;
                return changed;
            }))).Sample(block =>
            {
                try
                {
                    Texts(Recording(Framed(whole, block)));
                }
                catch (ReplayException refusal)
                {
                    Assert.StartsWith("block at byte", refusal.Message);
                }
            }, iter: 3000, threads: 1);
    }

    static byte[] Framed(byte[] whole, byte[] block)
    {
        var framed = new byte[32 + block.Length];
        whole.AsSpan(0, 16).CopyTo(framed);
        BinaryPrimitives.WriteInt32LittleEndian(framed.AsSpan(16), block.Length);
        BinaryPrimitives.WriteInt32LittleEndian(framed.AsSpan(20), Math.Max(1, Math.Min(block.Length, 30)));
        BinaryPrimitives.WriteUInt64LittleEndian(framed.AsSpan(24), XxHash64.HashToUInt64(block, 0));
        block.CopyTo(framed, 32);
        return framed;
    }
}
