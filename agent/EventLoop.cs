using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Native;
using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Agent;

/// <summary>
/// One thread, one epoll over both rings and the wake-up; owns all hot state, so nothing below takes a lock. The bulk
/// ring does not wake it: it looks on its own, every 2 to 50 ms depending on how much there was. Link and look-ups run
/// elsewhere and meet it only in <see cref="LoopVisitors"/>. An exception that reaches the top ends the process: a dead loop
/// must not look alive.
/// </summary>
sealed class EventLoop(BpfSensor sensor, Pipeline pipeline, LoopVisitors visitors, BootClock clock, WakeUp wake) : IDisposable
{
    const int ShortestMs = 2;
    const int LongestMs = 50;
    const ulong TickNs = 1_000_000_000;

    readonly Epoll _epoll = new();
    ulong _vitalUntilNs;
    volatile bool _stop;

    public void Stop()
    {
        _stop = true;
        wake.Signal();
    }

    /// <summary>Runs until <see cref="Stop"/>; the calling thread is the loop thread.</summary>
    public void Run()
    {
        _epoll.Add(sensor.VitalFd);
        _epoll.Add(sensor.BulkFd);
        _epoll.Add(wake.Fd);
        SampleHandler vital = pipeline.Handle;
        SampleHandler bulk = HandleBulk;
        var (waitMs, tickAt) = (ShortestMs, 0ul);
        while (!_stop)
        {
            _epoll.Wait(waitMs);
            wake.Clear();
            var now = BootClock.BootNs;
            _vitalUntilNs = now;
            var seen = sensor.ConsumeVital(vital) + sensor.ConsumeBulk(bulk);
            visitors.Visit(clock.ToUnixNs(now));
            if (now >= tickAt)
            {
                tickAt = now + TickNs;
                clock.Adjust();
                pipeline.Tick(now);
                visitors.Housekeeping.Tick(clock.ToUnixNs(now));
            }
            waitMs = seen > 0 ? Math.Max(ShortestMs, waitMs / 2) : Math.Min(LongestMs, waitMs * 2);
        }
        sensor.ConsumeVital(vital);
        sensor.ConsumeBulk(bulk);
        visitors.Housekeeping.Stop(clock.ToUnixNs(BootClock.BootNs));
    }

    /// <summary>A bulk sample newer than the last look at the vital ring may belong to a process whose exec lies there.</summary>
    void HandleBulk(ReadOnlySpan<byte> sample)
    {
        if (KernelEvent.TryReadHeader(sample, out var header) && header.TimeNs > _vitalUntilNs)
        {
            _vitalUntilNs = BootClock.BootNs;
            sensor.ConsumeVital(pipeline.Handle);
        }
        pipeline.Handle(sample);
    }

    public void Dispose() => _epoll.Dispose();
}

/// <summary>What other threads left for the loop: the collector's messages and the runtimes' answers.</summary>
sealed class LoopVisitors(CollectorLink link, ContainerResolver resolver, ModelExchange models, Pipeline pipeline, Housekeeping housekeeping)
{
    long _nowNs;
    Resolved? _resolved;
    Action<ContainerEntry>? _release;

    public Housekeeping Housekeeping => housekeeping;

    public void Visit(long unixNs)
    {
        _nowNs = unixNs;
        while (link.TryReceive(out var message))
        {
            models.Receive(message);
            if (message.Connected is not null)
            {
                pipeline.OnClock();
                housekeeping.HeartbeatNow();
            }
        }
        resolver.Drain(_resolved ??= entry => pipeline.OnResolved(entry, _nowNs));
        models.Releasable(unixNs, _release ??= pipeline.Release);
    }
}
