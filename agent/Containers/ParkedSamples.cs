using System.Buffers;

namespace RuntimeGuard.Agent.Containers;

/// <summary>What all parked samples may take together, in bytes. Loop thread only.</summary>
sealed class ParkingSpace(int maxBytes)
{
    int _used;

    public bool TryTake(int bytes)
    {
        if (bytes > maxBytes - _used)
            return false;
        _used += bytes;
        return true;
    }

    public void Return(int bytes) => _used -= bytes;

    public int Used => _used;
}

/// <summary>
/// Samples of one container that wait for its identity or its model, in order. Bounded in samples and bytes, and in bytes
/// with all others; full: the newest is dropped and counted, because what a container did first names the rest.
/// </summary>
sealed class ParkedSamples(ParkingSpace space, int maxSamples, int maxBytes)
{
    readonly Queue<(byte[] Buffer, int Length)> _samples = new();
    int _bytes;

    public int Count => _samples.Count;

    public long Dropped { get; private set; }

    public bool TryAdd(ReadOnlySpan<byte> sample)
    {
        if (_samples.Count >= maxSamples || sample.Length > maxBytes - _bytes || !space.TryTake(sample.Length))
        {
            Dropped++;
            return false;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(sample.Length);
        sample.CopyTo(buffer);
        _samples.Enqueue((buffer, sample.Length));
        _bytes += sample.Length;
        return true;
    }

    /// <summary>Hands every sample over in the order it came; a sample is valid during its call only.</summary>
    public void Drain(ParkedSample handler)
    {
        while (_samples.TryDequeue(out var sample))
        {
            _bytes -= sample.Length;
            space.Return(sample.Length);
            try
            {
                handler(sample.Buffer.AsSpan(0, sample.Length));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(sample.Buffer);
            }
        }
    }

    public int Clear()
    {
        var n = 0;
        Drain(_ => n++);
        return n;
    }
}

/// <summary>Takes one parked sample, as the sensor wrote it; the span is valid during the call.</summary>
delegate void ParkedSample(ReadOnlySpan<byte> sample);
