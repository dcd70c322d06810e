using DuckDB.NET.Data;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>
/// The attached segments. Readers lease those they read; sealing and removing wait for them. The connection belongs to
/// whoever holds the writer's turn. Thread-safe but for that.
/// </summary>
sealed partial class SegmentSet(string directory, CollectorDiagnostics diagnostics)
{
    readonly Lock _lock = new();
    readonly List<Segment> _segments = [];
    readonly List<string> _warnings = [];
    // Every store of a process shares DuckDB's one in-memory root: aliases are this store's own.
    readonly string _aliasPrefix = "h" + Guid.NewGuid().ToString("N")[..8];

    public IReadOnlyList<string> Warnings
    {
        get
        {
            lock (_lock)
            {
                return [.. _warnings];
            }
        }
    }

    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _segments.Sum(segment => segment.Bytes);
            }
        }
    }

    /// <summary>The segment written now; made when the day is new.</summary>
    public Segment Current(DuckDBConnection connection, int today)
    {
        lock (_lock)
        {
            // A clock that stepped back writes on into the newest day: sealed days stay sealed.
            if (_segments.LastOrDefault() is { Sealed: false } last && last.Day >= today)
            {
                return last;
            }
        }
        var current = new Segment(directory, _aliasPrefix, Math.Max(today, NewestDay + 1));
        try
        {
            current.Attach(connection, readOnly: false);
        }
        catch (DuckDBException)
        {
            // A full disk, perhaps: the next commit tries again from the start.
            connection.Execute($"DETACH DATABASE IF EXISTS {current.Alias}");
            throw;
        }
        lock (_lock)
        {
            _segments.Add(current);
        }
        return current;
    }

    int NewestDay
    {
        get
        {
            lock (_lock)
            {
                return _segments.Count == 0 ? int.MinValue : _segments[^1].Day;
            }
        }
    }

    /// <summary>Widens what queries plan by, after the commit that widened it.</summary>
    public void Widen(Segment segment, long firstUnixNs, long lastUnixNs, long nextId)
    {
        lock (_lock)
        {
            segment.FirstUnixNs = Math.Min(segment.FirstUnixNs, firstUnixNs);
            segment.LastUnixNs = Math.Max(segment.LastUnixNs, lastUnixNs);
            segment.NextId = nextId;
        }
    }

    public IReadOnlyList<Segment> All
    {
        get
        {
            lock (_lock)
            {
                return [.. _segments];
            }
        }
    }

    public SegmentLease Lease(long fromUnixNs, long toUnixNs)
    {
        lock (_lock)
        {
            var leased = _segments.Where(segment => segment.Intersects(fromUnixNs, toUnixNs)).ToList();
            leased.ForEach(segment => segment.Readers++);
            return new SegmentLease(this, leased);
        }
    }

    public void Return(IReadOnlyList<Segment> leased)
    {
        lock (_lock)
        {
            foreach (var segment in leased)
            {
                segment.Readers--;
            }
        }
    }

    /// <summary>Makes days before today read-only: other processes can read them, a backup is a copy of the file.</summary>
    public void Seal(DuckDBConnection connection, int today)
    {
        foreach (var segment in All.Where(segment => !segment.Sealed && segment.Day < today))
        {
            segment.Checkpoint(connection);
            lock (_lock)
            {
                if (segment.Readers == 0 && segment != _segments[^1])
                {
                    // Out of the set until it is attached again: a query of a day that is not would fail.
                    _segments.Remove(segment);
                    segment.Detach(connection);
                    segment.Attach(connection, readOnly: true);
                    _segments.Add(segment);
                    _segments.Sort((one, other) => one.Day.CompareTo(other.Day));
                }
            }
        }
    }

    /// <summary>Removes the oldest sealed days while any is older than the age or the sum is over the bytes.</summary>
    public RetentionReport Remove(DuckDBConnection connection, int oldestDay, long bytes)
    {
        var (removed, freed) = (0, 0L);
        lock (_lock)
        {
            while (_segments.Count > 1 && _segments[0] is { Readers: 0 } oldest &&
                (oldest.Day < oldestDay || _segments.Sum(segment => segment.Bytes) > bytes))
            {
                freed += oldest.Bytes;
                removed++;
                _segments.RemoveAt(0);
                oldest.Detach(connection);
                File.Delete(oldest.Path);
                File.Delete(oldest.Path + ".wal");
            }
        }
        return new RetentionReport(removed, freed);
    }

    public void Close(DuckDBConnection connection)
    {
        foreach (var segment in All)
        {
            segment.Detach(connection);
        }
        lock (_lock)
        {
            _segments.Clear();
        }
    }
}

/// <summary>Segments that stay attached until this is disposed.</summary>
sealed class SegmentLease(SegmentSet set, IReadOnlyList<Segment> segments) : IDisposable
{
    public IReadOnlyList<Segment> Segments => segments;

    public void Dispose() => set.Return(segments);
}
