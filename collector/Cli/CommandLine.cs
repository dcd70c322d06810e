using System.CommandLine;
using System.CommandLine.Invocation;

namespace RuntimeGuard.Cli;

/// <summary>The tree of rgctl's commands, and the one place where what they end with becomes an exit status.</summary>
static class CommandLine
{
    /// <summary>What a shell reports for a process that Ctrl-C ended.</summary>
    const int Interrupted = 130;

    public static RootCommand Create(Terminal terminal)
    {
        var session = new Session(terminal);
        var root = new RootCommand("Asks the RuntimeGuard collector: alerts, workloads, history, nodes.")
        {
            AccessCommands.Login(session),
            AccessCommands.Logout(session),
            AccessCommands.WhoAmI(session),
            AlertCommands.Create(session),
            WorkloadCommands.Create(session),
            BaselineCommands.Create(session),
            HistoryCommands.Create(session),
            NodeCommands.Create(session),
            ReplayCommands.Create(session),
            AdminCommands.Create(session),
            CompletionCommands.Create(terminal),
        };
        root.Add(Session.Output);
        return root;
    }

    public static async Task<int> RunAsync(string[] arguments, Terminal terminal)
    {
        var parsed = Create(terminal).Parse(arguments);
        if (parsed.Action is ParseErrorAction)
        {
            return Report(terminal, new Failure(ExitCode.Usage,
                string.Join("; ", parsed.Errors.Select(error => error.Message)), $"see: {Path(parsed.CommandResult.Command)} --help"));
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                Output = terminal.Out,
                Error = terminal.Error,
            }).ConfigureAwait(false);
        }
        catch (Failure failure)
        {
            return Report(terminal, failure);
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
        catch (IOException error) when (error.HResult == StandardOutput.ReaderGone)
        {
            // `rgctl ... | head`: there is nobody left to tell.
            return (int)ExitCode.Ok;
        }
        catch (IOException error)
        {
            return Report(terminal, new Failure(ExitCode.Error, error.Message.TrimEnd(),
                "check that the disk is not full and the installation is whole (sudo ./install.sh repairs it)"));
        }
    }

    static string Path(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{Path(parent)} {command.Name}" : "rgctl";

    static int Report(Terminal terminal, Failure failure)
    {
        terminal.Error.WriteLine($"rgctl: {SafeText.Of(failure.Message)}");
        if (failure.Remedy.Length > 0)
        {
            terminal.Error.WriteLine($"       {SafeText.Of(failure.Remedy)}");
        }

        return (int)failure.Code;
    }
}
