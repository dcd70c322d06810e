using System.Text;
using Tmds.Linux;

namespace RuntimeGuard.Agent.Native;

static unsafe class Inodes
{
    /// <summary>When the inode behind a path last changed, Unix nanoseconds; null when it is gone. Nobody can set it back.</summary>
    public static long? ChangedUnixNs(string path)
    {
        var name = Encoding.UTF8.GetBytes(path + "\0");
        stat found;
        fixed (byte* at = name)
        {
            return LibC.stat(at, &found) != 0 ? null : ((long)found.st_ctim.tv_sec * 1_000_000_000) + (long)found.st_ctim.tv_nsec;
        }
    }

    /// <summary>The inode number of a path; false when it is gone. A cgroup directory's is the cgroup's id.</summary>
    public static bool TryGet(string path, out ulong inode)
    {
        var name = Encoding.UTF8.GetBytes(path + "\0");
        stat found;
        fixed (byte* at = name)
        {
            var gone = LibC.stat(at, &found) != 0;
            inode = gone ? 0 : (ulong)found.st_ino;
            return !gone;
        }
    }
}
