using Tmds.Linux;

namespace RuntimeGuard.Agent.Native;

/// <summary>Waits for input on descriptors it does not own. One thread waits.</summary>
sealed unsafe class Epoll : IDisposable
{
    readonly FileDescriptor _fd;

    public Epoll()
    {
        int fd = LibC.epoll_create1(LibC.EPOLL_CLOEXEC);
        if (fd < 0)
            throw new NativeException("epoll_create1", LibC.errno, "raise the limit of open files (LimitNOFILE)");
        _fd = new FileDescriptor(fd);
    }

    public void Add(int fd)
    {
        var request = new epoll_event { events = LibC.EPOLLIN };
        if (LibC.epoll_ctl(_fd.Number, LibC.EPOLL_CTL_ADD, fd, &request) < 0)
            throw new NativeException("epoll_ctl", LibC.errno, "raise fs.epoll.max_user_watches");
    }

    /// <summary>Returns when something is ready, after <paramref name="milliseconds"/>, or on a signal.</summary>
    public void Wait(int milliseconds)
    {
        var events = stackalloc epoll_event[8];
        if (LibC.epoll_wait(_fd.Number, events, 8, milliseconds) < 0 && LibC.errno is var errno && errno != LibC.EINTR)
            throw new NativeException("epoll_wait", errno, "restart the agent");
    }

    public void Dispose() => _fd.Dispose();
}
