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

    /// <summary>Null when the spool is new; inexact when a damaged day may have held later numbers.</summary>
    public LaneMark? Committed(LaneKey key) =>
        _committed.TryGetValue(key, out var mark) ? new LaneMark(mark.Seq, mark.Exact) : null;

    /// <summary>Takes what one segment says; the highest of all segments holds.</summary>
    /// <param name="connection">The writer's.</param>
    /// <param name="segment">An attached one.</param>
    /// <param name="exact">False when a later day is lost: it may have held higher numbers.</param>
    public void Load(DuckDBConnection connection, Segment segment, bool exact)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT node, spool, seq, committed FROM {segment.Alias}.main.watermarks";
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            var key = new LaneKey(reader.GetString(0), reader.GetFieldValue<ulong>(1));
            var at = reader.GetInt64(3);
            var mark = new Watermark(reader.GetFieldValue<ulong>(2), Math.Abs(at), exact && at > 0);
            // Of two days that name the same number the newer, read later, knows whether it is exact.
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
                    .AppendValue(OnDisk(mark.At, mark.Exact)).EndRow();
            }
        }
    }

    /// <summary>Writes one mark into the current segment. Inside the transaction of its rows.</summary>
    public static void Write(DuckDBConnection connection, Segment segment, LaneKey key, LaneMark mark, long nowUnixNs)
    {
        Forget(connection, segment, key);
        using var write = connection.CreateCommand();
        write.CommandText = $"INSERT INTO {segment.Alias}.main.watermarks VALUES ($node, $spool, $seq, $at)";
        write.Parameters.Add(new DuckDBParameter("node", key.Node));
        write.Parameters.Add(new DuckDBParameter("spool", key.SpoolId));
        write.Parameters.Add(new DuckDBParameter("seq", mark.Seq));
        write.Parameters.Add(new DuckDBParameter("at", OnDisk(nowUnixNs, mark.Exact)));
        write.ExecuteNonQuery();
    }

    /// <summary>Removes one mark from the current segment. Inside its transaction.</summary>
    public static void Forget(DuckDBConnection connection, Segment segment, LaneKey key)
    {
        using var forget = connection.CreateCommand();
        forget.CommandText = $"DELETE FROM {segment.Alias}.main.watermarks WHERE node = $node AND spool = $spool";
        forget.Parameters.Add(new DuckDBParameter("node", key.Node));
        forget.Parameters.Add(new DuckDBParameter("spool", key.SpoolId));
        forget.ExecuteNonQuery();
    }

    /// <summary>
    /// Spools that must be forgotten so that no node keeps more than <see cref="WireLimits.SpoolsPerNode"/> when these are
    /// kept: the longest unheard of the same node.
    /// </summary>
    public IReadOnlyCollection<LaneKey> Surplus(IReadOnlyCollection<LaneKey> kept)
    {
        var surplus = new List<LaneKey>();
        // Looks at all only when a spool is new, which is once in its life.
        foreach (var node in kept.Where(key => !_committed.ContainsKey(key)).Select(key => key.Node).Distinct())
        {
            var fresh = kept.Count(key => key.Node == node);
            surplus.AddRange(_committed.Where(pair => pair.Key.Node == node && !kept.Contains(pair.Key))
                .OrderByDescending(pair => pair.Value.At).Skip(Math.Max(0, WireLimits.SpoolsPerNode - fresh)).Select(pair => pair.Key));
        }
        return surplus;
    }

    /// <summary>After the commit.</summary>
    public void Forget(IEnumerable<LaneKey> keys)
    {
        foreach (var key in keys)
        {
            _committed.TryRemove(key, out _);
        }
    }

    /// <summary>After the commit.</summary>
    public void Committed(LaneKey key, LaneMark mark, long nowUnixNs) =>
        _committed[key] = new Watermark(mark.Seq, nowUnixNs, mark.Exact);

    /// <summary>When it was committed, Unix nanoseconds; negative when it is inexact.</summary>
    static long OnDisk(long atUnixNs, bool exact) => exact ? atUnixNs : -atUnixNs;

    readonly record struct Watermark(ulong Seq, long At, bool Exact);
}
