using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent.Native;

/// <summary>
/// libbpf.so.1 under its C names. Functions that return int give a negative errno (libbpf 1.x); those that return a
/// pointer give 0 and set errno. Nothing here is safe to call on an object that was closed: the handles own that.
/// </summary>
static unsafe partial class LibBpf
{
    const string Library = "libbpf.so.1";

    [LibraryImport(Library)]
    public static partial nint libbpf_set_print(delegate* unmanaged<int, byte*, nint, int> print);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint bpf_object__open_mem(void* buffer, nuint size, void* options);

    [LibraryImport(Library)]
    public static partial int bpf_object__load(BpfObjectHandle obj);

    [LibraryImport(Library)]
    public static partial void bpf_object__close(nint obj);

    /// <summary>The program after <paramref name="previous"/>, or the first for 0; 0 at the end. Owned by the object.</summary>
    [LibraryImport(Library)]
    public static partial nint bpf_object__next_program(BpfObjectHandle obj, nint previous);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint bpf_object__find_map_by_name(BpfObjectHandle obj, string name);

    [LibraryImport(Library)]
    public static partial byte* bpf_program__name(nint program);

    [LibraryImport(Library)]
    public static partial byte* bpf_program__section_name(nint program);

    [LibraryImport(Library)]
    public static partial int bpf_program__fd(nint program);

    [LibraryImport(Library)]
    public static partial int bpf_program__set_autoload(nint program, [MarshalAs(UnmanagedType.U1)] bool autoload);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint bpf_program__attach(nint program);

    /// <summary>For programs of a cgroup, and of all below it; the descriptor is the caller's and needed for this call only.</summary>
    [LibraryImport(Library, SetLastError = true)]
    public static partial nint bpf_program__attach_cgroup(nint program, int cgroupFd);

    [LibraryImport(Library)]
    public static partial int bpf_link__destroy(nint link);

    [LibraryImport(Library)]
    public static partial int bpf_map__fd(nint map);

    [LibraryImport(Library)]
    public static partial int bpf_map__set_max_entries(nint map, uint entries);

    /// <summary>A global data section's initial value before load, its mapping after; owned by the object.</summary>
    [LibraryImport(Library)]
    public static partial void* bpf_map__initial_value(nint map, out nuint size);

    [LibraryImport(Library)]
    public static partial int bpf_map_update_elem(int fd, void* key, void* value, ulong flags);

    [LibraryImport(Library)]
    public static partial int bpf_map_lookup_elem(int fd, void* key, void* value);

    [LibraryImport(Library)]
    public static partial int bpf_map_lookup_and_delete_elem(int fd, void* key, void* value);

    [LibraryImport(Library)]
    public static partial int bpf_map_delete_elem(int fd, void* key);

    [LibraryImport(Library)]
    public static partial int bpf_map_get_next_key(int fd, void* previous, void* next);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint ring_buffer__new(
        int mapFd, delegate* unmanaged<nint, nint, nuint, int> sample, nint context, void* options);

    [LibraryImport(Library)]
    public static partial void ring_buffer__free(nint ring);

    [LibraryImport(Library)]
    public static partial int ring_buffer__consume(RingBufferHandle ring);

    [LibraryImport(Library)]
    public static partial int ring_buffer__epoll_fd(RingBufferHandle ring);

    /// <summary>Formats libbpf's messages; the list is libbpf's own va_list, passed on untouched.</summary>
    [LibraryImport("libc")]
    public static partial int vsnprintf(byte* buffer, nuint size, byte* format, nint list);
}
