using Spectre.Console;

namespace RuntimeGuard.Cli;

/// <summary>Everything of the process that a command touches, so that a test can put its own in place.</summary>
sealed class Terminal
{
    /// <summary>A table that nobody sees the width of is for grep: its rows stay whole.</summary>
    const int PipedWidth = 2000;

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public required TextReader In { get; init; }

    /// <summary>Standard input as bytes; who takes them does not read <see cref="In"/>.</summary>
    public Func<Stream> OpenInput { get; init; } = static () => Stream.Null;

    /// <summary>Writes to <see cref="Out"/>: tables, colours where they show.</summary>
    public required IAnsiConsole Screen { get; init; }

    /// <summary>A person is at the keyboard and can be asked.</summary>
    public bool Interactive { get; init; }

    /// <summary>Standard error is a screen, where a line may be overwritten.</summary>
    public bool ErrorIsScreen { get; init; }

    public required Func<string, string?> Environment { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public static Terminal ForProcess()
    {
        if (Console.IsOutputRedirected)
        {
            Console.SetOut(StandardOutput.Writer());
        }

        var screen = AnsiConsole.Console;
        if (Console.IsOutputRedirected)
        {
            screen.Profile.Width = PipedWidth;
        }

        return new Terminal
        {
            Out = Console.Out,
            Error = Console.Error,
            In = Console.In,
            OpenInput = Console.OpenStandardInput,
            ErrorIsScreen = !Console.IsErrorRedirected,
            Screen = screen,
            Interactive = !Console.IsInputRedirected && !Console.IsOutputRedirected,
            Environment = System.Environment.GetEnvironmentVariable,
        };
    }

    /// <summary>A terminal of a stated width without colours, for output that is looked at by code.</summary>
    public static Terminal ForText(
        TextWriter output, TextWriter error, Func<string, string?> environment, int width, TextReader? input = null)
    {
        var screen = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        screen.Profile.Width = width;
        return new Terminal
        {
            Out = output,
            Error = error,
            In = input ?? TextReader.Null,
            Screen = screen,
            Environment = environment,
        };
    }
}
