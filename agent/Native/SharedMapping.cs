using Tmds.Linux;

namespace RuntimeGuard.Agent.Native;

/// <summary>
/// Memory shared with the owner of a descriptor (a mappable BPF map), readable and writable. Disposed, the address is
/// null; whoever kept it must not use it any more.
/// </summary>
sealed unsafe class SharedMapping : IDisposable
{
    readonly int _bytes;

    /// <exception cref="NativeException">The descriptor cannot be mapped.</exception>
    public SharedMapping(int fd, int bytes)
    {
        int page = Environment.SystemPageSize;
        _bytes = (bytes + page - 1) / page * page;
        void* at = LibC.mmap(null, _bytes, LibC.PROT_READ | LibC.PROT_WRITE, LibC.MAP_SHARED, fd, 0);
        if (at == LibC.MAP_FAILED)
            throw new NativeException("mmap", LibC.errno, "use Linux 5.5 or newer, which maps BPF arrays");
        Address = at;
    }

    public void* Address { get; private set; }

    public void Dispose()
    {
        if (Address != null && LibC.munmap(Address, _bytes) == 0)
            Address = null;
    }
}
