using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Sensors;

/// <summary>Whatever the bytes are, a view is refused or stays inside them.</summary>
public sealed class KernelEventTests
{
    const int SizeAt = 4;
    static readonly Samples.Who Someone = new(42, 7_000_000);

    public static TheoryData<string> Kinds => [.. Table.Keys];

    static readonly Dictionary<string, byte[]> Table = new()
    {
        ["fork"] = Samples.Fork(Someone),
        ["exec"] = Samples.Exec(Someone, "/bin/sh", ["sh", "-c", "id"]),
        ["exit"] = Samples.Exit(Someone, 256),
        ["open"] = Samples.File(10, Someone, "/etc/passwd"),
        ["symlink"] = Samples.File(17, Someone, "/tmp/x"),
        ["connect v4"] = Samples.Connect(Someone, [10, 0, 0, 1], 443),
        ["connect v6"] = Samples.Connect(Someone, new byte[16], 443),
        ["dns question"] = Samples.Dns(Someone, [10, 0, 0, 1], 4000, [1, 2, 3], answer: false),
        ["dns answer"] = Samples.Dns(Someone, new byte[16], 4000, [1, 2, 3], answer: true),
        ["cgroup"] = Samples.Cgroup(100, 1, "/pod/x"),
        ["exec with the longest path"] = Samples.Exec(Someone, new string('/', KernelEvent.PathMax), ["x"]),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_whole_sample_is_read_by_one_view(string kind) => Assert.Equal(1, Readers(Table[kind]));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_truncated_sample_is_refused_even_when_it_claims_its_new_length(string kind)
    {
        var whole = Table[kind];
        for (int length = 0; length < whole.Length; length++)
        {
            var cut = whole[..length];
            Assert.Equal(0, Readers(cut));
            if (length < SizeAt + 4)
                continue;
            BinaryPrimitives.WriteInt32LittleEndian(cut.AsSpan(SizeAt), length);
            Assert.Equal(0, Readers(cut));
        }
    }

    [Fact]
    public void Other_versions_and_kinds_are_refused()
    {
        var other = Samples.Fork(Someone);
        other[0] = 2;
        Assert.Equal(0, Readers(other));
        foreach (ushort kind in new ushort[] { 0, 4, 9, 18, 25, 31, 43, 51, ushort.MaxValue })
        {
            var sample = Samples.Fork(Someone);
            BinaryPrimitives.WriteUInt16LittleEndian(sample.AsSpan(2), kind);
            Assert.Equal(0, Readers(sample));
        }
    }

    [Fact]
    public void Mutated_samples_never_throw_nor_read_past_their_end()
    {
        var random = new Random(20260101);
        var originals = Table.Values.ToArray();
        int read = 0;
        for (int round = 0; round < 200_000; round++)
        {
            var sample = (byte[])originals[random.Next(originals.Length)].Clone();
            for (int change = random.Next(1, 6); change > 0; change--)
                sample[random.Next(random.Next(2) == 0 ? Math.Min(sample.Length, 140) : sample.Length)] = (byte)random.Next(256);
            if (random.Next(2) == 0)
                BinaryPrimitives.WriteInt32LittleEndian(sample.AsSpan(SizeAt), sample.Length);
            read += Readers(sample);
        }
        Assert.InRange(read, 1, 200_000);
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        var samples = Table.Values.ToArray();
        foreach (var sample in samples)
            Readers(sample);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 1000; round++)
        {
            foreach (var sample in samples)
                Readers(sample);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>How many views accept it; every span of an accepted one is touched and lies inside the sample.</summary>
    static int Readers(byte[] sample)
    {
        int accepted = 0;
        if (KernelEvent.TryReadHeader(sample, out var header) && header.Kind == EventKinds.Fork)
            accepted += Touch(sample, header.Comm.Length <= 16);
        if (ExecEvent.TryRead(sample, out var exec))
            accepted += Touch(sample, Inside(sample, exec.Exe) && Inside(sample, exec.Script) && Inside(sample, exec.Arguments));
        if (ExitEvent.TryRead(sample, out _))
            accepted++;
        if (FileEvent.TryRead(sample, out var file))
            accepted += Touch(sample, Inside(sample, file.Path) && Inside(sample, file.Path2));
        if (NetworkEvent.TryRead(sample, out var network))
            accepted += Touch(sample, Inside(sample, network.Peer) && Inside(sample, network.Path));
        if (PrivilegeEvent.TryRead(sample, out var privilege))
            accepted += Touch(sample, Inside(sample, privilege.Path) && Inside(sample, privilege.Path2));
        if (CgroupEvent.TryRead(sample, out var cgroup))
            accepted += Touch(sample, Inside(sample, cgroup.Path));
        if (DnsEvent.TryRead(sample, out var dns))
            accepted += Touch(sample, Inside(sample, dns.Server) && Inside(sample, dns.Message));
        return accepted;
    }

    static int Touch(byte[] sample, bool inside)
    {
        // The message would be an allocation per event.
        if (!inside)
            Assert.Fail($"a span leaves its sample of {sample.Length} bytes");
        return 1;
    }

    static bool Inside(ReadOnlySpan<byte> sample, ReadOnlySpan<byte> part)
    {
        nint offset = Unsafe.ByteOffset(ref MemoryMarshal.GetReference(sample), ref MemoryMarshal.GetReference(part));
        return part.IsEmpty || (offset >= 0 && offset + part.Length <= sample.Length);
    }
}
