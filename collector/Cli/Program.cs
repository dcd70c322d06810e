namespace RuntimeGuard.Cli;

static class Program
{
    static Task<int> Main(string[] arguments) => CommandLine.RunAsync(arguments, Terminal.ForProcess());
}
