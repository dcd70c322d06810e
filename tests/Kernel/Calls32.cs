namespace RuntimeGuard.Tests.Kernel;

/// <summary>
/// System calls by another entry than the one a naive hook looks at, made by a 64-bit Python: machine code that loads the
/// registers and executes int 0x80, with what pointers lead to below 4 GB.
/// </summary>
static class Calls32
{
    /// <summary>Defines c32(number, arguments...): bytes are put into low memory and passed by address; the result is an int.</summary>
    public const string Define =
        "import ctypes, mmap, os, socket as s, struct\n" +
        "low = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, prot=7)\n" +
        "base = ctypes.addressof(ctypes.c_char.from_buffer(low)); used = 256\n" +
        // rbx, rbp saved; eax, ebx, ecx, edx, esi, edi, ebp from the array in rdi
        "low[0:40] = bytes.fromhex('53554989f8418b00418b5804418b4808418b500c418b7010418b7814418b6818cd805d5bc3').ljust(40)\n" +
        "enter = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(base)\n" +
        "def put(b):\n" +
        "    global used\n" +
        "    at = used; low[at:at + len(b) + 1] = b + bytes(1); used += (len(b) + 16) & ~15\n" +
        "    return base + at\n" +
        "def c32(*a):\n" +
        "    a = [put(x) if isinstance(x, bytes) else x & 0xffffffff for x in a]\n" +
        "    return enter(put(struct.pack('7I', *a, *[0] * (7 - len(a)))))\n" +
        "def words(*a): return struct.pack(f'{len(a)}I', *[put(x) if isinstance(x, bytes) else x & 0xffffffff for x in a])\n" +
        "def v4(port, last): return struct.pack('=H', 2) + struct.pack('!H', port) + bytes([127, 0, 0, last]) + bytes(8)\n";
}
