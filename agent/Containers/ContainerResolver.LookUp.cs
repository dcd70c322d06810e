namespace RuntimeGuard.Agent.Containers;

// The part that runs off the loop: one task per container that is not resolved yet. It touches the entry's name only.
sealed partial class ContainerResolver
{
    readonly RuntimeLookUp _lookUp;
    readonly Action _wake;
    readonly SemaphoreSlim _concurrency;
    readonly CancellationTokenSource _closing = new();
    readonly HashSet<Task> _running = [];

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        Task[] running;
        lock (_running)
            running = [.. _running];
        await Task.WhenAll(running);
        _closing.Dispose();
        _concurrency.Dispose();
    }

    void Begin(ContainerEntry entry)
    {
        if (entry.Name.Kind is CgroupKind.Unit or CgroupKind.User or CgroupKind.Host)
        {
            // Nobody to ask: the path is the identity. Still answered through Drain, so that there is one way only.
            if (_answers.Writer.TryWrite((entry, LookUpAnswer.NotFound)))
            {
                _wake();
                return;
            }
        }
        entry.LookUp = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        var token = entry.LookUp.Token;
        var started = _time.GetUtcNow();
        var task = Task.Run(() => ResolveAsync(entry, started, token), CancellationToken.None);
        lock (_running)
            _running.Add(task);
        task.ContinueWith(
            t =>
            {
                lock (_running)
                    _running.Remove(t);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    async Task ResolveAsync(ContainerEntry entry, DateTimeOffset started, CancellationToken token)
    {
        try
        {
            var answer = await AskAsync(entry.Name, started, token);
            if (answer.Container is { StartedUnixNs: 0 } container)
                container.StartedUnixNs = (started - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
            await _answers.Writer.WriteAsync((entry, answer), token);
            _wake();
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            // The entry was forgotten or the agent stops: nobody waits for this answer.
        }
    }

    async Task<LookUpAnswer> AskAsync(CgroupName name, DateTimeOffset started, CancellationToken token)
    {
        if (name.Kind is not (CgroupKind.Container or CgroupKind.Candidate))
            return LookUpAnswer.NotFound;
        var pause = _options.FirstRetry;
        while (true)
        {
            LookUpAnswer answer;
            await _concurrency.WaitAsync(token);
            try
            {
                answer = await _lookUp(name, token);
            }
            finally
            {
                _concurrency.Release();
            }
            if (answer.Container is not null)
                return answer;
            var grace = name.Kind == CgroupKind.Candidate ? _options.CandidateGrace : _options.NotFoundGrace;
            if (!answer.Unavailable && _time.GetUtcNow() - started >= grace)
            {
                _counters.Add(ContainerCounter.RuntimeNotFound);
                return answer;
            }
            await Task.Delay(pause, _time, token);
            pause = pause * 2 < _options.MaxRetry ? pause * 2 : _options.MaxRetry;
        }
    }
}
