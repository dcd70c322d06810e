namespace RuntimeGuard.Collector.History;

/// <summary>
/// Executables of processes whose exec came by, so that their exit rows can name them. Bounded: the first in go first;
/// a process older than that, or than the collector, exits without a name. Thread-safe.
/// </summary>
sealed class ProcessNames(CollectorDiagnostics diagnostics)
{
    /// <summary>About 200 bytes each.</summary>
    const int Capacity = 65_536;

    readonly Lock _lock = new();
    readonly Dictionary<Key, string> _names = [];
    readonly Queue<Key> _order = [];

    public void Learn(string node, int pid, long startUnixNs, string exe)
    {
        var key = new Key(node, pid, startUnixNs);
        lock (_lock)
        {
            // A process that execs again has its last name.
            if (!_names.TryAdd(key, exe))
            {
                _names[key] = exe;
                return;
            }
            _order.Enqueue(key);
            if (_order.Count > Capacity)
            {
                _names.Remove(_order.Dequeue());
                diagnostics.ProcessNamesEvicted.Inc();
            }
        }
    }

    /// <summary>Its executable, or "" when that is not known. Kept after the exit: a batch may come twice.</summary>
    public string Of(string node, int pid, long startUnixNs)
    {
        lock (_lock)
        {
            return _names.GetValueOrDefault(new Key(node, pid, startUnixNs), "");
        }
    }

    readonly record struct Key(string Node, int Pid, long StartUnixNs);
}
