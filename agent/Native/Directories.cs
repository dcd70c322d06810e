using System.Text;
using Tmds.Linux;

namespace RuntimeGuard.Agent.Native;

static unsafe class Directories
{
    /// <summary>A descriptor of the directory, for calls that name one by descriptor.</summary>
    /// <exception cref="NativeException">It cannot be opened.</exception>
    public static FileDescriptor Open(string path)
    {
        var name = Encoding.UTF8.GetBytes(path + "\0");
        fixed (byte* at = name)
        {
            int fd = LibC.open(at, LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_CLOEXEC);
            return fd >= 0 ? new FileDescriptor(fd) : throw new NativeException("open", LibC.errno, $"see whether {path} is there");
        }
    }
}
