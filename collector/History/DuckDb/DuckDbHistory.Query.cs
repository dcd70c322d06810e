using System.Data.Common;
using DuckDB.NET.Data;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>Reading: leased segments, a connection per query, a bound on time and on queries at once.</summary>
sealed partial class DuckDbHistory
{
    static readonly TimeSpan QueryTime = TimeSpan.FromSeconds(60);
    readonly SemaphoreSlim _queries = new(4, 4);

    public Task<HistoryPage> QueryAsync(HistoryFilter filter, CancellationToken cancellation) =>
        ReadAsync(filter.FromUnixNs, filter.ToUnixNs, (command, segments) =>
        {
            HistorySql.Write(command, filter, segments, filter.Limit);
            var (rows, ids) = Rows(command);
            return new HistoryPage(rows, rows.Count == filter.Limit ? new HistoryCursor(rows[^1].TimeUnixNs, ids[^1]) : null);
        }, new HistoryPage([], null), cancellation);

    public Task ReadCoverageAsync(
        long fromUnixNs, long toUnixNs, string node, Action<CoverageRow> take, CancellationToken cancellation) =>
        ReadAsync(fromUnixNs, toUnixNs, (command, segments) =>
        {
            HistorySql.WriteCoverage(command, segments, (fromUnixNs, toUnixNs), node);
            // Row by row: all of them at once may be more than the memory given to the store.
            command.UseStreamingMode = true;
            using DbDataReader reader = command.ExecuteReader();
            while (reader.Read())
            {
                take(new CoverageRow(reader.GetString(0), (HistoryKind)reader.GetByte(1), reader.GetInt64(2), reader.GetInt64(3),
                    reader.GetBoolean(4), reader.GetBoolean(5), reader.GetString(6)));
            }
            return true;
        }, false, cancellation);

    public Task<bool> ReadBehavioursAsync(
        HistoryRange range, int limit, Action<BehaviourRow> take, CancellationToken cancellation) =>
        ReadAsync(range.FromUnixNs, range.ToUnixNs, (command, segments) =>
        {
            // One more than is handed out tells that there is more.
            HistorySql.WriteBehaviours(command, segments, range, limit + 1);
            command.UseStreamingMode = true;
            using DbDataReader reader = command.ExecuteReader();
            for (var read = 0; reader.Read(); read++)
            {
                if (read == limit)
                {
                    return false;
                }
                take(new BehaviourRow
                {
                    Class = (BehaviourClass)reader.GetInt32(0),
                    Behaviour = reader.GetString(1),
                    Tag = reader.GetString(2),
                    Digest = reader.GetString(3),
                    Container = reader.GetString(4),
                    Example = reader.GetString(5),
                    Node = reader.GetString(6),
                    FirstUnixNs = reader.GetInt64(7),
                    LastUnixNs = reader.GetInt64(8),
                    Count = (ulong)reader.GetInt64(9),
                });
            }
            return true;
        }, true, cancellation);

    async Task<T> ReadAsync<T>(
        long from, long to, Func<DuckDBCommand, IReadOnlyList<Segment>, T> read, T nothing, CancellationToken cancellation)
    {
        await _queries.WaitAsync(cancellation);
        try
        {
            using var lease = _segments.Lease(from, to);
            if (lease.Segments.Count == 0)
            {
                return nothing;
            }
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            over.CancelAfter(QueryTime);
            return await Task.Run(() => Read(lease.Segments, read, over.Token), CancellationToken.None);
        }
        finally
        {
            _queries.Release();
        }
    }

    static T Read<T>(IReadOnlyList<Segment> segments, Func<DuckDBCommand, IReadOnlyList<Segment>, T> read, CancellationToken over)
    {
        using var connection = new DuckDBConnection(Root);
        connection.Open();
        using var command = connection.CreateCommand();
        using var interrupt = over.Register(command.Cancel);
        try
        {
            return read(command, segments);
        }
        catch (DuckDBException) when (over.IsCancellationRequested)
        {
            throw new OperationCanceledException("the query took too long or its caller went away", over);
        }
        catch (DuckDBException e)
        {
            throw new HistoryException($"history cannot answer: {e.Message}", e);
        }
    }

    static (List<HistoryRow> Rows, List<long> Ids) Rows(DuckDBCommand command)
    {
        var (rows, ids) = (new List<HistoryRow>(), new List<long>());
        using DbDataReader reader = command.ExecuteReader();
        while (reader.Read())
        {
            rows.Add(HistoryRowReader.Read(reader));
            ids.Add(reader.GetInt64(HistoryRowReader.Id));
        }
        return (rows, ids);
    }
}
