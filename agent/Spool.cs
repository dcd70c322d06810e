using System.Security.Cryptography;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// What the collector has not yet acknowledged, on disk: two lanes of numbered items. Identity of an item is
/// (node, <see cref="Id"/>, lane, sequence number); the id is random at the spool's creation, so a lost disk can never
/// pass new items off as old ones. Used by the collector link's tasks only.
/// </summary>
sealed class Spool : IDisposable
{
    public ulong Id { get; }

    public SpoolLane Anomalies { get; }

    public SpoolLane Records { get; }

    /// <summary>Where a damaged predecessor was put, or null; what it held unsent is a gap.</summary>
    public string? SetAside { get; private init; }

    Spool(ulong id, SpoolLane anomalies, SpoolLane records) => (Id, Anomalies, Records) = (id, anomalies, records);

    /// <summary>
    /// Opens or creates the spool. A torn last item (power loss) is cut off and counted; a spool damaged elsewhere is
    /// set aside whole and a new one, with a new id, takes its place.
    /// </summary>
    /// <exception cref="IOException">The directory cannot be used; the message names it.</exception>
    public static Spool Open(string directory, long anomalyBytes, long recordBytes)
    {
        try
        {
            return OpenSound(directory, anomalyBytes, recordBytes, null);
        }
        catch (InvalidDataException)
        {
            var aside = $"{directory}.damaged-{Guid.NewGuid():N}";
            Directory.Move(directory, aside);
            return OpenSound(directory, anomalyBytes, recordBytes, aside);
        }
    }

    static Spool OpenSound(string directory, long anomalyBytes, long recordBytes, string? aside)
    {
        Directory.CreateDirectory(directory);
        return new Spool(
            ReadOrCreateId(Path.Combine(directory, "id")),
            SpoolLane.Open(Path.Combine(directory, "anomalies"), anomalyBytes),
            SpoolLane.Open(Path.Combine(directory, "records"), recordBytes))
        {
            SetAside = aside,
        };
    }

    public SpoolLane this[Lane lane] => lane switch
    {
        Lane.Anomalies => Anomalies,
        Lane.Records => Records,
        _ => throw new ArgumentOutOfRangeException(nameof(lane), lane, "a spool has the lanes anomalies and records"),
    };

    static ulong ReadOrCreateId(string path)
    {
        if (File.Exists(path))
            return File.ReadAllBytes(path) is { Length: 8 } bytes
                ? BitConverter.ToUInt64(bytes)
                : throw new InvalidDataException($"{path} is damaged: a spool's id has 8 bytes");
        // Items that were numbered under an id that is gone would be sent again as new ones.
        if (Directory.EnumerateFiles(Path.GetDirectoryName(path)!, "*.seg", SearchOption.AllDirectories).Any())
            throw new InvalidDataException($"{path} is missing beside the lanes it names");
        var id = RandomNumberGenerator.GetBytes(8);
        DurableFile.Write(path, id);
        return BitConverter.ToUInt64(id);
    }

    public void Dispose()
    {
        Anomalies.Dispose();
        Records.Dispose();
    }
}
