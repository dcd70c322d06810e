using DuckDB.NET.Data;

namespace RuntimeGuard.Collector.History.DuckDb;

static class DuckDbCommands
{
    /// <summary>Runs a statement made of constants and of names this process made; no outside text.</summary>
    public static void Execute(this DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
