namespace RuntimeGuard.Collector.Alerts;

/// <summary>
/// Tells watchers that alerts changed, and carries no data: a watcher pulls what it has not seen, at its own pace, so
/// a slow one neither blocks the gateway nor is flooded. Thread-safe.
/// </summary>
sealed class AlertFeed
{
    public const int MaxWatchers = 128;

    TaskCompletionSource _next = New();
    int _watchers;

    /// <summary>Completes with the next change. Take it before the query whose result may miss that change.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Changed() => Interlocked.Exchange(ref _next, New()).TrySetResult();

    /// <summary>A watcher's place until it is disposed; null when all are taken.</summary>
    public IDisposable? Enter()
    {
        if (Interlocked.Increment(ref _watchers) <= MaxWatchers)
        {
            return new Place(this);
        }
        Interlocked.Decrement(ref _watchers);
        return null;
    }

    static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    sealed class Place(AlertFeed feed) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref feed._watchers);
    }
}
