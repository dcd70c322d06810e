namespace RuntimeGuard.Tests.Support;

/// <summary>What a crash, a full disk or a bad one leaves of a file.</summary>
static class DamagedFile
{
    /// <summary>Cuts it (0), adds a byte (1), or changes one (else), at a place within it.</summary>
    /// <param name="flip">Not 0, or nothing would change.</param>
    public static void Make(string path, int at, byte flip, int how)
    {
        var content = File.ReadAllBytes(path);
        at %= content.Length;
        File.WriteAllBytes(path, how switch
        {
            0 => content[..at],
            1 => [.. content, flip],
            _ => [.. content[..at], (byte)(content[at] ^ flip), .. content[(at + 1)..]],
        });
    }
}
