namespace RuntimeGuard.Collector.Hosting;

/// <summary>
/// Repeats a step until it is told to stop, whatever the step throws: a failure is logged, shows in health, and the
/// step is tried again after a pause that grows.
/// </summary>
static class BackgroundLoop
{
    static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <param name="part">Its name in log and health.</param>
    /// <param name="health">Takes how each step ended.</param>
    /// <param name="wait">Waits until there is something to do.</param>
    /// <param name="step">Does it. What it throws when it is cancelled is no failure.</param>
    /// <param name="cancellation">Told to stop.</param>
    public static async Task RunAsync(string part, PartsHealth health,
        Func<CancellationToken, Task> wait, Func<CancellationToken, Task> step, CancellationToken cancellation)
    {
        var pause = FirstPause;
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await wait(cancellation);
                await step(cancellation);
                health.Works(part);
                pause = FirstPause;
            }
            catch (Exception) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                health.Failed(part, e);
                await Task.Delay(pause, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }
}
