namespace RuntimeGuard.Collector;

/// <summary>Where everything of one collector lies on disk. Secrets are readable by the owner alone.</summary>
public sealed class DataDirectory(string root)
{
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string Root { get; } = Path.GetFullPath(root);

    public string CaCertificate => Path.Combine(Root, "ca.crt");

    public string CaKey => Path.Combine(Root, "ca.key");

    public string CaAnnouncement => Path.Combine(Root, "ca-announcement.crt");

    public string ServerCertificate => Path.Combine(Root, "server.crt");

    public string ServerKey => Path.Combine(Root, "server.key");

    public string StateDatabase => Path.Combine(Root, "state.db");

    public string History => Path.Combine(Root, "history");

    public void Create()
    {
        try
        {
            Directory.CreateDirectory(Root, OwnerOnly | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CollectorException(
                $"cannot create the data directory {Root}: {e.Message}; give --data-dir a place this user may write", e);
        }
    }

    public void RequireInitialised()
    {
        foreach (var file in new[] { CaCertificate, CaKey, CaAnnouncement, ServerCertificate, ServerKey, StateDatabase })
        {
            if (!File.Exists(file))
            {
                throw new CollectorException(
                    $"{file} is missing; run: runtimeguard-collector init --data-dir {Root}");
            }
        }
    }

    /// <summary>Held by the one collector that serves this directory; closing it, or dying, lets go.</summary>
    public FileStream Hold()
    {
        var path = Path.Combine(Root, "serve.lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CollectorException(
                $"cannot take {path}: {e.Message}; another collector serves this data directory, or this user may not write it", e);
        }
    }

    /// <summary>
    /// Where scaled time begins: the first serve with a time scale. Kept, so that models' time does not run backwards
    /// when the collector restarts.
    /// </summary>
    public long TimeScaleOrigin(long nowUnixNs)
    {
        var path = Path.Combine(Root, "time-scale-origin");
        if (!File.Exists(path))
        {
            Write(path, nowUnixNs.ToString(System.Globalization.CultureInfo.InvariantCulture) + "\n", secret: false);
        }
        return long.TryParse(File.ReadAllText(path), System.Globalization.CultureInfo.InvariantCulture, out var origin)
            ? origin
            : throw new CollectorException($"{path} holds no number of nanoseconds; remove it");
    }

    /// <summary>Writes a whole file or nothing: a new file beside it, synced, renamed over the old one.</summary>
    public static void Write(string path, string text, bool secret)
    {
        var fresh = path + ".new";
        File.Delete(fresh);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = secret ? OwnerOnly : OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
        };
        using (var stream = new FileStream(fresh, options))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        File.Move(fresh, path, overwrite: true);
    }
}
