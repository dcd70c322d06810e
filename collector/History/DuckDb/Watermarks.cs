using System.Collections.Concurrent;
using DuckDB.NET.Data;
using RuntimeGuard.Collector.Gateway;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>
/// What is durable of each lane. On disk in every segment, written in the transaction of the rows; each new segment
/// begins with a copy of all, so that losing a day never forgets what was acknowledged. One writes, all read.
/// </summary>
sealed class Watermarks
{
    readonly ConcurrentDictionary<LaneKey, Watermark> _committed = [];

    /// <summary>Null when the spool is new, or when a damaged day may have held later numbers: then nothing is a hole.</summary>
    public ulong? Committed(LaneKey key) => _committed.TryGetValue(key, out var mark) && mark.Exact ? mark.Seq : null;

    /// <summary>Takes what one segment says; the highest of all segments holds.</summary>
    public void Load(DuckDBConnection connection, Segment segment, bool exact)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT node, spool, seq, committed FROM {segment.Alias}.main.watermarks";
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            var key = new LaneKey(reader.GetString(0), reader.GetFieldValue<ulong>(1));
            var mark = new Watermark(reader.GetFieldValue<ulong>(2), reader.GetInt64(3), exact && reader.GetInt64(3) != 0);
            _committed.AddOrUpdate(key, mark, (_, known) => mark.Seq >= known.Seq ? mark : known);
        }
    }

    /// <summary>Writes all marks into a new segment, those unheard of since the oldest day left out. Inside its first transaction.</summary>
    public void CopyInto(DuckDBConnection connection, Segment segment, long oldestUnixNs)
    {
        using var appender = connection.CreateAppender(segment.Alias, "main", "watermarks");
        foreach (var (key, mark) in _committed)
        {
            if (mark.At == 0 || mark.At >= oldestUnixNs)
            {
                appender.CreateRow().AppendValue(key.Node).AppendValue(key.SpoolId).AppendValue(mark.Seq)
                    .AppendValue(mark.Exact ? mark.At : 0).EndRow();
            }
        }
    }

    /// <summary>Writes one mark into the current segment. Inside the transaction of its rows.</summary>
    public static void Write(DuckDBConnection connection, Segment segment, LaneKey key, ulong seq, long nowUnixNs)
    {
        using var forget = connection.CreateCommand();
        forget.CommandText = $"DELETE FROM {segment.Alias}.main.watermarks WHERE node = $node AND spool = $spool";
        forget.Parameters.Add(new DuckDBParameter("node", key.Node));
        forget.Parameters.Add(new DuckDBParameter("spool", key.SpoolId));
        forget.ExecuteNonQuery();
        using var write = connection.CreateCommand();
        write.CommandText = $"INSERT INTO {segment.Alias}.main.watermarks VALUES ($node, $spool, $seq, $at)";
        write.Parameters.Add(new DuckDBParameter("node", key.Node));
        write.Parameters.Add(new DuckDBParameter("spool", key.SpoolId));
        write.Parameters.Add(new DuckDBParameter("seq", seq));
        write.Parameters.Add(new DuckDBParameter("at", nowUnixNs));
        write.ExecuteNonQuery();
    }

    /// <summary>After the commit.</summary>
    public void Committed(LaneKey key, ulong seq, long nowUnixNs) => _committed[key] = new Watermark(seq, nowUnixNs, true);

    readonly record struct Watermark(ulong Seq, long At, bool Exact);
}
