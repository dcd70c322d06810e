using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// The node's own copy of its baselines, so that it goes on judging when the collector is away and after a restart.
/// One file per workload, its content the Model. A damaged file is refused and the previous good copy is used; the next
/// save keeps it apart (<see cref="CheckedFiles"/>). Any thread, one call at a time.
/// </summary>
sealed class BaselineStore(string directory)
{
    const uint Magic = 0x4c424752;  // "RGBL"
    const uint Format = 1;
    const long MaxFileBytes = 16 << 20;
    const string Extension = ".baseline";

    readonly CheckedFiles _files = new(Magic, Format, MaxFileBytes);

    /// <summary>Files refused since start because they were damaged or of another format.</summary>
    public int Refused => _files.Refused;

    public void Save(Model model)
    {
        Directory.CreateDirectory(directory);
        var file = new byte[CheckedFiles.Header + model.CalculateSize()];
        model.WriteTo(file.AsSpan(CheckedFiles.Header));
        _files.Write(PathOf(model.Workload), file);
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
    public IEnumerable<Model> LoadAll() => _files.ReadAll(directory, Extension,
        content => Model.Parser.ParseFrom(content.AsSpan()) is { Workload: not null } model ? model : null);

    string PathOf(Workload workload)
    {
        // The name comes from container metadata: hashed, so that it cannot walk out of the directory.
        var hash = XxHash128.Hash(Encoding.UTF8.GetBytes($"{workload.Namespace}\0{workload.Image}"));
        return Path.Combine(directory, Convert.ToHexStringLower(hash) + Extension);
    }
}
