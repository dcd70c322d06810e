using DuckDB.NET.Data;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>Opening: every day on disk is attached, or moved aside when it is damaged.</summary>
sealed partial class SegmentSet
{
    const string QuarantineFolder = "quarantine";

    /// <summary>The newest day that lies in quarantine: what it held, watermarks too, is not here.</summary>
    int NewestQuarantined { get; set; } = int.MinValue;

    /// <summary>
    /// Whether what the segment says of lanes is the last word: no later day is lost. A day that lies in quarantine and
    /// is here too was begun again after that.
    /// </summary>
    public bool KnowsLast(Segment segment) => segment.Day >= NewestQuarantined;

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
}
