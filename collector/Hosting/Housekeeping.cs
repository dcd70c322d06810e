namespace RuntimeGuard.Collector.Hosting;

/// <summary>What time alone must do: locks that fall due, overrides that expire, what evidence decides, revocations made elsewhere, last words of nodes, old rows.</summary>
sealed class Housekeeping(CollectorParts parts) : IDisposable
{
    static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    const int SaveEveryTicks = 30;
    const int SweepEveryTicks = 3;
    const int PruneEveryTicks = 600;
    const int HistoryEveryTicks = 60;

    readonly StatePruning _pruning = new(parts.State, parts.Options.StateLimits, parts.Diagnostics, parts.Time);

    readonly PeriodicTimer _timer = new(Tick, parts.Time);
    long _tick;

    /// <summary>Waits for the next second.</summary>
    public async Task WaitAsync(CancellationToken cancellation) => await _timer.WaitForNextTickAsync(cancellation);

    /// <summary>Does what is due at this second. What it throws leaves later ones as they are.</summary>
    public Task StepAsync(CancellationToken cancellation) => DoAsync(++_tick, cancellation);

    public void Dispose() => _timer.Dispose();

    async Task DoAsync(long tick, CancellationToken cancellation)
    {
        await parts.Registry.LockDueAsync(cancellation);
        await parts.Registry.SweepOverridesAsync(cancellation);
        await parts.EvidenceDesk.StepAsync(cancellation);
        if (tick % SweepEveryTicks == 0)
        {
            await parts.Nodes.SweepAsync(cancellation);
        }
        if (tick % SaveEveryTicks == 0)
        {
            foreach (var live in parts.Nodes.Live)
            {
                await parts.Nodes.SaveAsync(live, cancellation);
            }
            await parts.Registry.SeenAsync(parts.Nodes.Live
                .SelectMany(live => live.Heartbeat?.Containers ?? [])
                .Select(status => status.Container), cancellation);
        }
        if (tick % PruneEveryTicks == 0)
        {
            await _pruning.RunAsync(cancellation);
        }
        if (tick % HistoryEveryTicks == 0)
        {
            var report = await parts.History.EnforceAsync(parts.Options.HistoryAge, parts.Options.HistoryBytes, cancellation);
            parts.Diagnostics.SegmentsRemoved.Inc(report.SegmentsRemoved);
            parts.Diagnostics.HistoryBytes.Set(parts.History.Health.Bytes);
        }
    }
}
