using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace RuntimeGuard.Collector.State;

/// <summary>
/// Opens the state database. Reads run side by side; writes of this process take turns, so that none waits in SQLite
/// and revisions are assigned in commit order. Every write is one durable transaction (WAL, synchronous=FULL).
/// Thread-safe.
/// </summary>
sealed class StateStore : IDisposable
{
    readonly PooledDbContextFactory<StateContext> _contexts;
    readonly SemaphoreSlim _writer = new(1, 1);

    StateStore(string path)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30 };
        _contexts = new PooledDbContextFactory<StateContext>(new DbContextOptionsBuilder<StateContext>()
            .UseSqlite(connection.ToString())
            .UseQueryTrackingBehavior(QueryTrackingBehavior.NoTracking)
            .AddInterceptors(new DurableConnection())
            .Options);
    }

    /// <summary>Brings the schema up to date and returns the open store.</summary>
    public static async Task<StateStore> OpenAsync(DataDirectory data, CancellationToken cancellation)
    {
        var store = new StateStore(data.StateDatabase);
        try
        {
            await using var context = await store._contexts.CreateDbContextAsync(cancellation);
            await context.Database.MigrateAsync(cancellation);
            File.SetUnixFileMode(data.StateDatabase, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            return store;
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            store.Dispose();
            throw new CollectorException(
                $"cannot open the state store {data.StateDatabase}: {e.Message}; check disk space and owner, " +
                "or restore the file from backup", e);
        }
    }

    public async Task<T> ReadAsync<T>(Func<StateContext, Task<T>> read, CancellationToken cancellation)
    {
        await using var context = await _contexts.CreateDbContextAsync(cancellation);
        return await read(context);
    }

    /// <summary>Runs the work in one transaction and saves what it tracked. Nothing of it is kept when it throws.</summary>
    public async Task<T> WriteAsync<T>(Func<StateContext, Task<T>> work, CancellationToken cancellation)
    {
        await _writer.WaitAsync(cancellation);
        try
        {
            await using var context = await _contexts.CreateDbContextAsync(cancellation);
            // Pooled contexts get this back with their options.
            context.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.TrackAll;
            await using var transaction = await context.Database.BeginTransactionAsync(cancellation);
            var result = await work(context);
            await context.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
            return result;
        }
        finally
        {
            _writer.Release();
        }
    }

    public async Task WriteAsync(Func<StateContext, Task> work, CancellationToken cancellation) =>
        await WriteAsync(async context =>
        {
            await work(context);
            return true;
        }, cancellation);

    public void Dispose() => _writer.Dispose();
}
