using System.CommandLine;

namespace RuntimeGuard.Collector.Commands;

/// <summary>The whole command line. Exit codes: 0 done, 1 failed, 2 wrong usage.</summary>
static class CommandLine
{
    const int Failed = 1;
    const int WrongUsage = 2;

    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("RuntimeGuard's collector: keeps baselines, alerts and history of all nodes.")
        {
            InitCommand.Build(), ServeCommand.Build(), TokenCommands.BuildJoin(), TokenCommands.BuildMetrics(), NodeCommand.Build(), UserCommand.Build(),
        };
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync($"runtimeguard-collector: {error.Message}");
            }
            await Console.Error.WriteLineAsync("see: runtimeguard-collector --help");
            return WrongUsage;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (CollectorException e)
        {
            await Console.Error.WriteLineAsync($"runtimeguard-collector: {e.Message}");
            return Failed;
        }
    }

    public static Option<string> DataDir() => new("--data-dir")
    {
        Description = "where certificates, state and history of this collector lie",
        Required = true,
        HelpName = "DIR",
    };
}
