using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace RuntimeGuard.Tests.Support;

/// <summary>Keeps what a program under test would have told a person: warnings and errors, each as "LEVEL message".</summary>
sealed class LogLines : ILoggerFactory, ILogger
{
    readonly ConcurrentQueue<string> _lines = [];

    public IEnumerable<string> All => _lines;

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            _lines.Enqueue($"{logLevel} {formatter(state, exception)}");
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("it is the only one");

    public void Dispose()
    {
    }
}
