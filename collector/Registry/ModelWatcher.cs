using System.Threading.Channels;
using RuntimeGuard.Models;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// The workloads one agent runs and which of their models it has yet to be sent. Bounded by the watched set: however
/// often a model changes, it waits once. Any thread may hint; one takes.
/// </summary>
sealed class ModelWatcher(string node, TimeProvider time)
{
    readonly Lock _lock = new();
    readonly Channel<bool> _hint = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly Dictionary<WorkloadKey, long> _due = [];
    HashSet<WorkloadKey> _watched = [];

    public string Node { get; } = node;

    /// <summary>Replaces the watched set; models of those new in it are due now.</summary>
    public void Watch(IEnumerable<WorkloadKey> workloads)
    {
        lock (_lock)
        {
            var watched = workloads.ToHashSet();
            foreach (var fresh in watched.Where(workload => !_watched.Contains(workload)))
            {
                _due[fresh] = time.UnixNs();
            }
            foreach (var gone in _due.Keys.Where(workload => !watched.Contains(workload)).ToList())
            {
                _due.Remove(gone);
            }
            _watched = watched;
        }
        _hint.Writer.TryWrite(true);
    }

    public bool Watches(WorkloadKey workload)
    {
        lock (_lock)
        {
            return _watched.Contains(workload);
        }
    }

    public void Changed(WorkloadKey workload, TimeSpan delay)
    {
        lock (_lock)
        {
            if (!_watched.Contains(workload))
            {
                return;
            }
            var due = time.UnixNs() + delay.ToNs();
            _due[workload] = _due.TryGetValue(workload, out var earlier) ? Math.Min(earlier, due) : due;
        }
        _hint.Writer.TryWrite(true);
    }

    /// <summary>Waits until models are due and takes them.</summary>
    public async Task<IReadOnlyList<WorkloadKey>> TakeAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var (ready, wait) = Ready();
            if (ready.Count > 0)
            {
                return ready;
            }
            using var alarm = new CancellationTokenSource(wait, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, alarm.Token);
            try
            {
                await _hint.Reader.ReadAsync(either.Token);
            }
            catch (OperationCanceledException) when (alarm.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                // Something is due.
            }
        }
    }

    (List<WorkloadKey> Ready, TimeSpan Wait) Ready()
    {
        lock (_lock)
        {
            var now = time.UnixNs();
            var ready = _due.Where(pair => pair.Value <= now).Select(pair => pair.Key).ToList();
            foreach (var workload in ready)
            {
                _due.Remove(workload);
            }
            var wait = _due.Count == 0
                ? Timeout.InfiniteTimeSpan
                : TimeSpan.FromMilliseconds(Math.Max(1, (_due.Values.Min() - now) / 1_000_000 + 1));
            return (ready, wait);
        }
    }
}
