namespace RuntimeGuard.Collector.Access;

/// <summary>
/// Watches over one call that may last: it ends when its token has expired or was taken back. One instance per call;
/// its timer runs from the gate until the call is over.
/// </summary>
sealed class CallGuard : IAsyncDisposable
{
    /// <summary>How long a call goes on after its token ended, so that it can say why; then its connection is cut.</summary>
    static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    static readonly TimeSpan Between = TimeSpan.FromSeconds(10);

    readonly CancellationTokenSource _ended = new();
    readonly CancellationTokenSource _over = new();
    readonly Task _watching;

    /// <param name="valid">Whether the call may go on; asked every ten seconds.</param>
    /// <param name="abort">Cuts the call off.</param>
    /// <param name="diagnostics">Takes why a check failed.</param>
    /// <param name="time">The collector's clock.</param>
    public CallGuard(Func<CancellationToken, Task<bool>> valid, Action abort, CollectorDiagnostics diagnostics, TimeProvider time) =>
        _watching = WatchAsync(valid, abort, diagnostics, time);

    /// <summary>Cancelled when the call may not go on.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>The guard of this request; the gate sets one for every call it lets through.</summary>
    public static CallGuard Of(HttpContext context) =>
        context.Features.Get<CallGuard>() ?? throw new InvalidOperationException("a call passed the access gate without a guard");

    async Task WatchAsync(Func<CancellationToken, Task<bool>> valid, Action abort, CollectorDiagnostics diagnostics, TimeProvider time)
    {
        try
        {
            do
            {
                await Task.Delay(Between, time, _over.Token);
            }
            while (await valid(_over.Token));
            await _ended.CancelAsync();
            await Task.Delay(LastWords, time, _over.Token);
            abort();
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // The call is over.
        }
        catch (Exception e)
        {
            // Who cannot be checked may not go on.
            diagnostics.CheckFailed(e.Message, e);
            await _ended.CancelAsync();
            abort();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _watching;
        _ended.Dispose();
        _over.Dispose();
    }
}
