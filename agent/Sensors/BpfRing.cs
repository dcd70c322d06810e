using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>
/// One ring and its consumer. A call takes at most <see cref="BatchMax"/> samples, so a flood in one ring cannot starve
/// the other; the rest stays in the ring, whose overflow the kernel counts. One thread.
/// </summary>
sealed unsafe class BpfRing : IDisposable
{
    const int BatchMax = 4096;
    const int Stop = -125;

    readonly RingBufferHandle _ring;
    GCHandle _self;
    SampleHandler? _handler;
    ExceptionDispatchInfo? _thrown;
    int _count;

    public BpfRing(int mapFd)
    {
        _self = GCHandle.Alloc(this);
        nint ring = LibBpf.ring_buffer__new(mapFd, &OnSample, GCHandle.ToIntPtr(_self), null);
        if (ring == 0)
        {
            _self.Free();
            throw new NativeException("ring_buffer__new", Marshal.GetLastPInvokeError(), "use Linux 5.8 or newer");
        }
        _ring = new RingBufferHandle(ring);
    }

    public int Fd => LibBpf.ring_buffer__epoll_fd(_ring);

    public int Consume(SampleHandler handler)
    {
        _handler = handler;
        _count = 0;
        int result = LibBpf.ring_buffer__consume(_ring);
        _handler = null;
        if (_thrown is { } thrown)
        {
            _thrown = null;
            thrown.Throw();
        }
        if (result < 0 && result != Stop)
            throw new NativeException("ring_buffer__consume", -result, "restart the agent");
        return _count;
    }

    /// <summary>No exception may cross into libbpf: it is carried past it and thrown by <see cref="Consume"/>.</summary>
    [UnmanagedCallersOnly]
    static int OnSample(nint context, nint data, nuint size)
    {
        var ring = Unsafe.As<BpfRing>(GCHandle.FromIntPtr(context).Target!);
        try
        {
            ring._handler!(new ReadOnlySpan<byte>((void*)data, (int)size));
        }
        catch (Exception e)
        {
            ring._thrown = ExceptionDispatchInfo.Capture(e);
            return Stop;
        }
        return ++ring._count < BatchMax ? 0 : Stop;
    }

    public void Dispose()
    {
        _ring.Dispose();
        if (_self.IsAllocated)
            _self.Free();
    }
}
