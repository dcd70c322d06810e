using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Cli;

/// <summary>
/// Events to be replayed, readable more than once. A recording is read as it is; JSON lines are turned into a recording
/// first, in a temporary file that is gone when this is disposed.
/// </summary>
sealed class ReplayFile : IDisposable
{
    const int BufferBytes = 1 << 20;

    readonly FileStream _recording;

    ReplayFile(FileStream recording) => _recording = recording;

    public void Dispose() => _recording.Dispose();

    /// <summary>The events from the first on. One pass at a time.</summary>
    public IEventSource Read()
    {
        _recording.Position = 0;
        return new RecordingReader(_recording);
    }

    public static ReplayFile Open(Terminal terminal, string path, CancellationToken cancellation)
    {
        using var input = path == "-" ? terminal.OpenInput() : OpenFile(path);
        var head = Head(input);
        if (path != "-" && RecordingFormat.IsRecording(head))
            return new ReplayFile(OpenFile(path));
        var temporary = new FileStream(Path.Combine(Path.GetTempPath(), $"rgctl-{Path.GetRandomFileName()}"), new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            BufferSize = BufferBytes,
            Options = FileOptions.DeleteOnClose,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        try
        {
            if (RecordingFormat.IsRecording(head))
            {
                temporary.Write(head);
                input.CopyTo(temporary);
            }
            else
                Copy(terminal, path, input, head, temporary, cancellation);
            return new ReplayFile(temporary);
        }
        catch
        {
            temporary.Dispose();
            throw;
        }
    }

    /// <summary>Turns JSON lines into a recording, which appears under its name only when it is whole. Returns its events.</summary>
    public static long Record(Terminal terminal, string path, string to, CancellationToken cancellation)
    {
        if (File.Exists(to))
            throw new Failure(ExitCode.Usage, $"{to} is there already", "name another file, or remove it");
        using var input = path == "-" ? terminal.OpenInput() : OpenFile(path);
        var head = Head(input);
        if (RecordingFormat.IsRecording(head))
            throw new Failure(ExitCode.Usage, $"{path} is a recording already", $"replay it: rgctl replay {path}");
        var part = $"{to}.part";
        try
        {
            long events;
            using (var file = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes))
                events = Copy(terminal, path, input, head, file, cancellation);
            File.Move(part, to);
            return events;
        }
        catch (UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Denied, $"{to} cannot be written", "name a file in a directory you may write to");
        }
        finally
        {
            File.Delete(part);
        }
    }

    public static FileStream OpenFile(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new Failure(ExitCode.NotFound, $"there is no file {path}", "check the path; - is standard input");
        }
        catch (UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Denied, $"{path} cannot be read", "check that it is a file and that you may read it");
        }
    }

    static long Copy(Terminal terminal, string path, Stream input, byte[] head, FileStream to, CancellationToken cancellation)
    {
        var progress = new ReplayProgress(terminal, cancellation);
        var events = ReplayCommands.Checked(path == "-" ? "standard input" : path, ExitCode.Error, () =>
        {
            var lines = new EventLines(input, head);
            var writer = new RecordingWriter(to);
            var record = new EventRecord();
            var read = progress.Of("read");
            while (lines.Read(record))
            {
                writer.Write(record);
                if (writer.Events % ReplayRun.ProgressEvery == 0)
                    read(writer.Events);
            }
            writer.Finish();
            return writer.Events;
        });
        progress.Clear();
        return events;
    }

    /// <summary>So many first bytes as tell a recording from lines; they are taken off the stream.</summary>
    static byte[] Head(Stream input)
    {
        var head = new byte[RecordingFormat.Magic.Length];
        return head[..input.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
    }
}
