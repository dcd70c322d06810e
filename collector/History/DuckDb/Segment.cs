using System.Globalization;
using DuckDB.NET.Data;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>
/// One day of history, by the day it was received: one DuckDB file, attached under its alias. Guarded by the lock of
/// <see cref="SegmentSet"/>.
/// </summary>
sealed class Segment(string directory, string aliasPrefix, int day)
{
    const string Extension = ".duckdb";

    public int Day { get; } = day;

    public string Path { get; } = System.IO.Path.Combine(directory, Name(day) + Extension);

    public string Alias { get; } = $"{aliasPrefix}_{day}";

    public bool Sealed { get; set; }

    /// <summary>Earliest and latest event time in it; nothing yet when First is after Last.</summary>
    public long FirstUnixNs { get; set; } = long.MaxValue;

    public long LastUnixNs { get; set; } = long.MinValue;

    /// <summary>It holds a copy of the watermarks: until then losing the days before it would forget what was acknowledged.</summary>
    public bool HasMarks { get; set; }

    public long NextId { get; set; } = (long)day << 40;

    /// <summary>Queries that read it now: it is neither sealed nor removed meanwhile.</summary>
    public int Readers { get; set; }

    public long Bytes => Length(Path) + Length(Path + ".wal");

    public bool Intersects(long fromUnixNs, long toUnixNs) => FirstUnixNs < toUnixNs && LastUnixNs >= fromUnixNs;

    public static int DayOf(long unixNs) => (int)(unixNs / UnixTime.NsPerDay);

    public static string Name(int day) =>
        "seg_" + DateTimeOffset.UnixEpoch.AddDays(day).ToString("yyyyMMdd", CultureInfo.InvariantCulture);

    public static bool TryParseDay(string text, out int day)
    {
        var known = DateOnly.TryParseExact(text, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date);
        day = known ? date.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber : 0;
        return known;
    }

    /// <summary>Days that have a file in the directory, oldest first.</summary>
    public static IEnumerable<int> DaysIn(string directory)
    {
        foreach (var path in Directory.EnumerateFiles(directory, "seg_*" + Extension).Order(StringComparer.Ordinal))
        {
            if (TryParseDay(System.IO.Path.GetFileNameWithoutExtension(path)[4..], out var day))
            {
                yield return day;
            }
        }
    }

    /// <summary>Attaches the file, creating it when it is not there, and reads its bounds.</summary>
    public void Attach(DuckDBConnection connection, bool readOnly)
    {
        connection.Execute($"ATTACH '{Path.Replace("'", "''", StringComparison.Ordinal)}' AS {Alias}{(readOnly ? " (READ_ONLY)" : "")}");
        Sealed = readOnly;
        if (!readOnly)
        {
            connection.Execute(HistorySchema.Create(Alias));
        }
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT count(*), min(ts), max(last), max(id), (SELECT count(*) FROM {Alias}.main.watermarks) FROM {Alias}.main.events";
        using var reader = command.ExecuteReader();
        reader.Read();
        HasMarks = reader.GetInt64(4) > 0;
        if (reader.GetInt64(0) > 0)
        {
            FirstUnixNs = reader.GetInt64(1);
            LastUnixNs = reader.GetInt64(2);
            NextId = reader.GetInt64(3) + 1;
        }
    }

    public void Detach(DuckDBConnection connection) => connection.Execute($"DETACH {Alias}");

    public void Checkpoint(DuckDBConnection connection) => connection.Execute($"CHECKPOINT {Alias}");

    static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;
}
