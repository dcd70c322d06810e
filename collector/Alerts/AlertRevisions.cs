using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Alerts;

/// <summary>Gives alerts their revisions, in one transaction.</summary>
sealed class AlertRevisions
{
    readonly CounterRow _counter;

    AlertRevisions(CounterRow counter) => _counter = counter;

    /// <summary>
    /// Of a row of its own: the highest of the alerts would be given out again after that alert is pruned, and a watcher would
    /// take the new one for seen.
    /// </summary>
    public static async Task<AlertRevisions> OfAsync(StateContext context, CancellationToken cancellation)
    {
        var counter = await context.Counters.FindAsync([CounterRow.AlertRevisions], cancellation);
        if (counter is null)
        {
            counter = new CounterRow { Name = CounterRow.AlertRevisions };
            context.Counters.Add(counter);
        }
        return new AlertRevisions(counter);
    }

    public long Next() => ++_counter.Last;
}
