namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>
/// The tables of a segment. No index: zone maps cut time ranges, and indexes cost ingest. No nulls: '' and 0. Columns
/// are appended in the order declared.
/// </summary>
static class HistorySchema
{
    public static readonly string[] Columns =
    [
        "ts BIGINT", "last BIGINT", "recv BIGINT", "id BIGINT", "kind UTINYINT", "node VARCHAR", "ns VARCHAR", "image VARCHAR",
        "container VARCHAR", "cname VARCHAR", "pod VARCHAR", "tag VARCHAR", "digest VARCHAR", "pid INTEGER", "pstart BIGINT",
        "ppid INTEGER", "ppstart BIGINT", "uid UINTEGER", "exe VARCHAR", "comm VARCHAR", "args VARCHAR", "event INTEGER",
        "class INTEGER", "subject VARCHAR", "behaviour VARCHAR", "peer VARCHAR", "peer_hi UBIGINT", "peer_lo UBIGINT",
        "port INTEGER", "count BIGINT", "score DOUBLE", "rule VARCHAR", "detail VARCHAR", "extra VARCHAR",
    ];

    public static string Create(string alias) =>
        $"CREATE TABLE IF NOT EXISTS {alias}.main.events({string.Join(", ", Columns.Select(column => column + " NOT NULL"))}); " +
        $"CREATE TABLE IF NOT EXISTS {alias}.main.watermarks(node VARCHAR NOT NULL, spool UBIGINT NOT NULL, seq UBIGINT NOT NULL, committed BIGINT NOT NULL)";
}
