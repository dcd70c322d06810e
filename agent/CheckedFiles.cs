using System.Buffers.Binary;
using System.IO.Hashing;
using Google.Protobuf;

namespace RuntimeGuard.Agent;

/// <summary>
/// Files of one kind that say what they are and whether they are whole: magic (4) | format (4) | checksum (8) | content.
/// A damaged one is refused and counted, and the previous good copy (<see cref="Previous"/>) is used. Any thread, one call
/// at a time.
/// </summary>
sealed class CheckedFiles(uint magic, uint format, long maxBytes)
{
    /// <summary>Bytes before the content.</summary>
    public const int Header = 16;

    public const string Previous = ".previous";
    public const string Damaged = ".damaged";
    const string Unfinished = ".new";

    // Refused when read, of the files this node has: the next write does not put one in the place of the good copy before it.
    readonly HashSet<string> _damaged = [];

    /// <summary>Files refused since start because they were damaged or of another format.</summary>
    public int Refused { get; private set; }

    /// <summary>Keeps what was there as the previous copy, or apart for a person to see when it is damaged.</summary>
    /// <param name="file">The content behind <see cref="Header"/> free bytes.</param>
    public void Write(string path, byte[] file)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(file, magic);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), format);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(8), XxHash64.HashToUInt64(file.AsSpan(Header)));
        if (File.Exists(path))
            File.Move(path, path + (_damaged.Remove(path) ? Damaged : Previous), overwrite: true);
        DurableFile.Write(path, file);
    }

    /// <summary>The last good copy of every file; what cannot be read is counted and left in place for a person to see.</summary>
    /// <param name="parse">Null, or one of the exceptions of reading, when the content is not what it should be.</param>
    public IEnumerable<T> ReadAll<T>(string directory, string extension, Func<ArraySegment<byte>, T?> parse)
        where T : class
    {
        if (!Directory.Exists(directory))
            yield break;
        var paths = Directory.EnumerateFiles(directory, $"*{extension}*")
            .Where(p => !p.EndsWith(Unfinished, StringComparison.Ordinal) && !p.EndsWith(Damaged, StringComparison.Ordinal))
            .Select(p => p.EndsWith(Previous, StringComparison.Ordinal) ? p[..^Previous.Length] : p)
            .Distinct(StringComparer.Ordinal)
            .ToList();
        foreach (var path in paths)
            if ((TryRead(path, parse) ?? TryRead(path + Previous, parse)) is { } content)
                yield return content;
    }

    /// <summary>Both copies go.</summary>
    public static void Delete(string path)
    {
        File.Delete(path);
        File.Delete(path + Previous);
    }

    /// <summary>
    /// For files that nobody may write again: what was refused goes to one place, where the last one stays for a person to
    /// see, and what a writer did not finish goes.
    /// </summary>
    public void Tidy(string directory, string extension, string aside)
    {
        foreach (var path in _damaged)
            File.Move(path, aside, overwrite: true);
        _damaged.Clear();
        foreach (var path in Directory.EnumerateFiles(directory, $"*{extension}{Unfinished}"))
            File.Delete(path);
    }

    T? TryRead<T>(string path, Func<ArraySegment<byte>, T?> parse)
        where T : class
    {
        if (!File.Exists(path))
            return null;
        try
        {
            if (new FileInfo(path).Length <= maxBytes && File.ReadAllBytes(path) is { Length: >= Header } file
                && BinaryPrimitives.ReadUInt32LittleEndian(file) == magic
                && BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(4)) == format
                && BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(8)) == XxHash64.HashToUInt64(file.AsSpan(Header))
                && parse(new ArraySegment<byte>(file, Header, file.Length - Header)) is { } content)
                return content;
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or IOException or UnauthorizedAccessException or FormatException)
        {
            // Counted below with every other way a file can be bad.
        }
        Refused++;
        _damaged.Add(path);
        return null;
    }
}
