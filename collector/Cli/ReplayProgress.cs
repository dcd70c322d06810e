namespace RuntimeGuard.Cli;

/// <summary>How far a replay is, on one line of a terminal's standard error, and the place where Ctrl-C is noticed.</summary>
sealed class ReplayProgress(Terminal terminal, CancellationToken cancellation)
{
    static readonly TimeSpan Often = TimeSpan.FromMilliseconds(250);

    long _shown = terminal.Clock.GetTimestamp();
    int _width;

    public Action<long> Of(string done) => events =>
    {
        cancellation.ThrowIfCancellationRequested();
        if (!terminal.ErrorIsScreen || terminal.Clock.GetElapsedTime(_shown) < Often)
            return;
        _shown = terminal.Clock.GetTimestamp();
        var line = $"{events:N0} events {done}";
        terminal.Error.Write($"\r{line.PadRight(_width)}");
        _width = line.Length;
    };

    /// <summary>Takes the line away.</summary>
    public void Clear()
    {
        if (_width > 0)
            terminal.Error.Write($"\r{new string(' ', _width)}\r");
        _width = 0;
    }
}
