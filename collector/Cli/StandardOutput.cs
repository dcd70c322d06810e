using Microsoft.Win32.SafeHandles;

namespace RuntimeGuard.Cli;

/// <summary>
/// Standard output that notices when its reader has gone. The console's own stream passes over that in silence, and
/// `rgctl alerts watch | head -n 1` would go on watching for nobody.
/// </summary>
static class StandardOutput
{
    /// <summary><see cref="Exception.HResult"/> of the <see cref="IOException"/> of such a write: EPIPE.</summary>
    public const int ReaderGone = 32;

    /// <summary>Every write goes out at once. Owned by the process; never disposed.</summary>
    public static TextWriter Writer()
    {
        var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // A file has no reader to go, but others may write to it after us: this stream would not move its end along for them.
        return new StreamWriter(stream.CanSeek ? Console.OpenStandardOutput() : stream) { AutoFlush = true };
    }
}
