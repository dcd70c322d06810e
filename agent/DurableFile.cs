namespace RuntimeGuard.Agent;

/// <summary>Whole-file writes that are either the old content or the new, never a mixture, whatever dies when.</summary>
static class DurableFile
{
    /// <exception cref="IOException">The file system refused; the message names the path.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var fresh = path + ".new";
        using (var file = new FileStream(fresh, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        File.Move(fresh, path, overwrite: true);
    }
}
