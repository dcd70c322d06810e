using DuckDB.NET.Data;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>
/// The attached segments. Readers lease those they read; sealing and removing wait for them. The connection belongs to
/// whoever holds the writer's turn. Thread-safe but for that.
/// </summary>
sealed class SegmentSet(string directory, CollectorDiagnostics diagnostics)
{
    const string QuarantineFolder = "quarantine";

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

    /// <summary>The newest day that lies in quarantine: what it held, watermarks too, is not here.</summary>
    public int NewestQuarantined { get; private set; } = int.MinValue;

    /// <summary>Attaches every day on disk; a damaged one is moved aside and warned of, the others serve.</summary>
    public void Open(DuckDBConnection connection, int today)
    {
        Directory.CreateDirectory(directory);
        var quarantine = Path.Combine(directory, QuarantineFolder);
        foreach (var path in Directory.Exists(quarantine) ? Directory.EnumerateFiles(quarantine, "*.duckdb") : [])
        {
            var name = Path.GetFileNameWithoutExtension(path);
            if (name.Length > 12 && Segment.TryParseDay(name[4..12], out var day))
            {
                Warn(day, quarantine);
            }
        }
        foreach (var day in Segment.DaysIn(directory).ToList())
        {
            TryAttach(connection, new Segment(directory, _aliasPrefix, day), readOnly: day < today);
        }
    }

    void TryAttach(DuckDBConnection connection, Segment segment, bool readOnly)
    {
        try
        {
            if (readOnly && File.Exists(segment.Path + ".wal"))
            {
                // A day that was not closed in good order: replay its log once, then it is sealed like the others.
                segment.Attach(connection, readOnly: false);
                segment.Checkpoint(connection);
                segment.Detach(connection);
            }
            segment.Attach(connection, readOnly);
            lock (_lock)
            {
                _segments.Add(segment);
            }
        }
        catch (DuckDBException e)
        {
            Quarantine(connection, segment, e.Message);
        }
    }

    void Quarantine(DuckDBConnection connection, Segment segment, string reason)
    {
        connection.Execute($"DETACH DATABASE IF EXISTS {segment.Alias}");
        var folder = Path.Combine(directory, QuarantineFolder);
        Directory.CreateDirectory(folder);
        var target = Path.Combine(folder, $"{Segment.Name(segment.Day)}-{Guid.NewGuid():N}.duckdb");
        foreach (var suffix in new[] { "", ".wal" })
        {
            if (File.Exists(segment.Path + suffix))
            {
                File.Move(segment.Path + suffix, target + suffix);
            }
        }
        diagnostics.SegmentsQuarantined.Inc();
        diagnostics.SegmentQuarantined(Segment.Name(segment.Day), reason, target);
        Warn(segment.Day, folder);
    }

    void Warn(int day, string folder)
    {
        lock (_lock)
        {
            NewestQuarantined = Math.Max(NewestQuarantined, day);
            _warnings.Add($"history of {Segment.Name(day)[4..]} is damaged and left out; it lies in {folder}");
        }
    }

    /// <summary>The segment written now; made when the day is new. True when it is.</summary>
    public bool Current(DuckDBConnection connection, int today, out Segment current)
    {
        lock (_lock)
        {
            // A clock that stepped back writes on into the newest day: sealed days stay sealed.
            if (_segments.LastOrDefault() is { Sealed: false } last && last.Day >= today)
            {
                current = last;
                return false;
            }
        }
        current = new Segment(directory, _aliasPrefix, Math.Max(today, NewestDay + 1));
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
        return true;
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
                    segment.Detach(connection);
                    segment.Attach(connection, readOnly: true);
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
                oldest.Detach(connection);
                File.Delete(oldest.Path);
                File.Delete(oldest.Path + ".wal");
                _segments.RemoveAt(0);
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
