using Tmds.Linux;

namespace RuntimeGuard.Agent.Native;

/// <summary>An eventfd: any thread signals, the loop waits on <see cref="Fd"/> and clears.</summary>
sealed unsafe class WakeUp : IDisposable
{
    readonly FileDescriptor _fd;

    public WakeUp()
    {
        int fd = LibC.eventfd(0, LibC.EFD_CLOEXEC | LibC.EFD_NONBLOCK);
        if (fd < 0)
            throw new NativeException("eventfd", LibC.errno, "raise the limit of open files (LimitNOFILE)");
        _fd = new FileDescriptor(fd);
    }

    public int Fd => _fd.Number;

    /// <summary>A full counter (EAGAIN) is a signal already given.</summary>
    public void Signal()
    {
        ulong one = 1;
        if (LibC.write(Fd, &one, sizeof(ulong)) < 0 && LibC.errno is var errno && errno != LibC.EAGAIN)
            throw new NativeException("write(eventfd)", errno, "restart the agent");
    }

    /// <summary>Nothing signalled (EAGAIN) is cleared already.</summary>
    public void Clear()
    {
        ulong count;
        if (LibC.read(Fd, &count, sizeof(ulong)) < 0 && LibC.errno is var errno && errno != LibC.EAGAIN)
            throw new NativeException("read(eventfd)", errno, "restart the agent");
    }

    public void Dispose() => _fd.Dispose();
}
