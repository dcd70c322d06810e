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
    SampleHandler? _vital;
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
        var vital = _vital = pipeline.Handle;
        SampleHandler bulk = HandleBulk;
        var (waitMs, tickAt) = (ShortestMs, 0ul);
        while (!_stop)
        {
            _epoll.Wait(waitMs);
            wake.Clear();
            var now = BootClock.BootNs;
            _vitalUntilNs = now;
            var seen = sensor.ConsumeVital(vital) + sensor.ConsumeBulk(bulk);
            visitors.Visit(now);
            if (now >= tickAt)
            {
                tickAt = now + TickNs;
                clock.Adjust();
                pipeline.Tick(now);
                visitors.Housekeeping.Tick(now, clock.ToUnixNs(now));
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
            sensor.ConsumeVital(_vital!);
        }
        pipeline.Handle(sample);
    }

    public void Dispose() => _epoll.Dispose();
}

/// <summary>What other threads left for the loop: the collector's messages and the runtimes' answers.</summary>
sealed class LoopVisitors(CollectorLink link, ContainerResolver resolver, ModelExchange models, Pipeline pipeline, Housekeeping housekeeping)
{
    ulong _nowNs;
    Resolved? _resolved;
    Action<ContainerEntry>? _release;

    public Housekeeping Housekeeping => housekeeping;

    /// <param name="bootNs">Now, CLOCK_BOOTTIME: what waits here waits by a clock that nobody sets.</param>
    public void Visit(ulong bootNs)
    {
        _nowNs = bootNs;
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
        models.Releasable(bootNs, _release ??= pipeline.Release);
    }
}
