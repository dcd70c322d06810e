namespace RuntimeGuard.Collector.Access;

/// <summary>
/// Slows password guessing: after five failures of a user name or of an address, one further try per twelve seconds.
/// Bounded: when the table is full of recent failures, names not in it share one entry. Thread-safe.
/// </summary>
sealed class LoginLimiter(TimeProvider time)
{
    const int Burst = 5;
    const int MaxEntries = 4096;
    static readonly TimeSpan Refill = TimeSpan.FromSeconds(12);

    readonly Lock _lock = new();
    readonly Dictionary<string, Bucket> _buckets = [];

    /// <summary>Takes one try for each key, or none and the time to wait.</summary>
    public TimeSpan TryTake(params ReadOnlySpan<string> keys)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var wait = TimeSpan.Zero;
            foreach (var key in keys)
            {
                var tokens = Current(Of(key, now), now);
                if (tokens < 1)
                {
                    var needed = (1 - tokens) * Refill;
                    wait = needed > wait ? needed : wait;
                }
            }
            if (wait > TimeSpan.Zero)
            {
                return wait;
            }
            foreach (var key in keys)
            {
                var bucket = Of(key, now);
                bucket.Tokens = Current(bucket, now) - 1;
                bucket.At = now;
            }
            return TimeSpan.Zero;
        }
    }

    /// <summary>A right password: the tries of these keys come back.</summary>
    public void Succeeded(params ReadOnlySpan<string> keys)
    {
        lock (_lock)
        {
            foreach (var key in keys)
            {
                _buckets.Remove(key);
            }
        }
    }

    Bucket Of(string key, long now)
    {
        if (_buckets.TryGetValue(key, out var bucket))
        {
            return bucket;
        }
        if (_buckets.Count >= MaxEntries)
        {
            foreach (var (old, candidate) in _buckets)
            {
                if (Current(candidate, now) >= Burst)
                {
                    _buckets.Remove(old);
                }
            }
        }
        var name = _buckets.Count < MaxEntries ? key : "";
        if (!_buckets.TryGetValue(name, out bucket))
        {
            bucket = new Bucket { Tokens = Burst, At = now };
            _buckets.Add(name, bucket);
        }
        return bucket;
    }

    double Current(Bucket bucket, long now) =>
        Math.Min(Burst, bucket.Tokens + time.GetElapsedTime(bucket.At, now) / Refill);

    sealed class Bucket
    {
        public double Tokens { get; set; }
        public long At { get; set; }
    }
}
