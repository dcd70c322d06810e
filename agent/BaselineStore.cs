using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// The node's own copy of its baselines, so that it goes on judging when the collector is away and after a restart.
/// One file per workload: magic (4) | format (4) | checksum (8) | Model. A damaged file is refused and the previous
/// good copy (<c>.previous</c>) is used; the next save keeps it apart (<c>.damaged</c>). Any thread, one call at a time.
/// </summary>
sealed class BaselineStore(string directory)
{
    const uint Magic = 0x4c424752;  // "RGBL"
    const uint Format = 1;
    const int Header = 16;
    const long MaxFileBytes = 16 << 20;
    const string Previous = ".previous";
    const string Damaged = ".damaged"; // one for each workload, for a person to see

    // Refused when read, of the files this node has: the next save does not put one in the place of the good copy before it.
    readonly HashSet<string> _damaged = [];

    /// <summary>Files refused since start because they were damaged or of another format.</summary>
    public int Refused { get; private set; }

    public void Save(Model model)
    {
        Directory.CreateDirectory(directory);
        var path = PathOf(model.Workload);
        var content = new byte[Header + model.CalculateSize()];
        model.WriteTo(content.AsSpan(Header));
        BinaryPrimitives.WriteUInt32LittleEndian(content, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(4), Format);
        BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(8), XxHash64.HashToUInt64(content.AsSpan(Header)));
        if (File.Exists(path))
            File.Move(path, path + (_damaged.Remove(path) ? Damaged : Previous), overwrite: true);
        DurableFile.Write(path, content);
    }

    /// <summary>Keeps the models' clock, so that a restart without the collector goes on in the same time.</summary>
    public void SaveClock(ModelClock clock)
    {
        Directory.CreateDirectory(directory);
        var content = new byte[16];
        BinaryPrimitives.WriteDoubleLittleEndian(content, clock.Scale);
        BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan(8), clock.OriginUnixNs);
        DurableFile.Write(ClockPath, content);
    }

    public ModelClock LoadClock() =>
        File.Exists(ClockPath) && File.ReadAllBytes(ClockPath) is { Length: 16 } content
            ? new ModelClock(BinaryPrimitives.ReadDoubleLittleEndian(content), BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(8)))
            : ModelClock.Unscaled;

    string ClockPath => Path.Combine(directory, "clock");

    /// <summary>Every workload's last good copy. What cannot be read is counted and left in place for a person to see.</summary>
    public IEnumerable<Model> LoadAll()
    {
        if (!Directory.Exists(directory))
            yield break;
        var workloads = Directory.EnumerateFiles(directory, "*.baseline*")
            .Where(p => !p.EndsWith(".new", StringComparison.Ordinal) && !p.EndsWith(Damaged, StringComparison.Ordinal))
            .Select(p => p.EndsWith(Previous, StringComparison.Ordinal) ? p[..^Previous.Length] : p)
            .Distinct(StringComparer.Ordinal);
        foreach (var path in workloads)
            if ((TryRead(path) ?? TryRead(path + Previous)) is { } model)
                yield return model;
    }

    Model? TryRead(string path)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            if (new FileInfo(path).Length <= MaxFileBytes && File.ReadAllBytes(path) is { Length: >= Header } content
                && BinaryPrimitives.ReadUInt32LittleEndian(content) == Magic
                && BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(4)) == Format
                && BinaryPrimitives.ReadUInt64LittleEndian(content.AsSpan(8)) == XxHash64.HashToUInt64(content.AsSpan(Header))
                && Model.Parser.ParseFrom(content.AsSpan(Header)) is { Workload: not null } model)
                return model;
        }
        catch (InvalidProtocolBufferException)
        {
            // Counted below with every other way a file can be bad.
        }
        Refused++;
        _damaged.Add(path);
        return null;
    }

    string PathOf(Workload workload)
    {
        // The name comes from container metadata: hashed, so that it cannot walk out of the directory.
        var hash = XxHash128.Hash(Encoding.UTF8.GetBytes($"{workload.Namespace}\0{workload.Image}"));
        return Path.Combine(directory, Convert.ToHexStringLower(hash) + ".baseline");
    }
}
