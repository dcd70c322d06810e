namespace RuntimeGuard.Collector;

/// <summary>Closes what a process holds: every step is tried, whatever those before it threw.</summary>
static class Closing
{
    public static async Task AllAsync(CollectorDiagnostics diagnostics, params IReadOnlyList<(string What, Func<ValueTask> Close)> steps)
    {
        foreach (var (what, close) in steps)
        {
            try
            {
                await close();
            }
            catch (Exception e)
            {
                diagnostics.CloseFailed(what, e.Message, e);
            }
        }
    }

    /// <summary>A step that closes something at once.</summary>
    public static (string What, Func<ValueTask> Close) Step(string what, IDisposable held) => (what, () =>
    {
        held.Dispose();
        return ValueTask.CompletedTask;
    });

    public static (string What, Func<ValueTask> Close) Step(string what, IAsyncDisposable held) => (what, held.DisposeAsync);
}
