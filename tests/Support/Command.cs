using System.Diagnostics;
using System.Text;

namespace RuntimeGuard.Tests.Support;

/// <summary>What a finished program left.</summary>
public sealed record CommandResult(int ExitCode, string Out, string Error)
{
    public CommandResult Succeeded() => ExitCode == 0
        ? this
        : throw new InvalidOperationException($"exit {ExitCode}\n{Out}\n{Error}");
}

/// <summary>Runs a program to its end, within a deadline.</summary>
public static class Command
{
    public static async Task<CommandResult> RunAsync(string program, params string[] arguments)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException($"{program} is missing ({e.Message}): run `sudo tests/run`, which installs it");
        }
        using (process)
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            var error = process.StandardError.ReadToEndAsync(deadline.Token);
            try
            {
                await process.WaitForExitAsync(deadline.Token);
                return new(process.ExitCode, await output, await error);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end in 60 s");
            }
        }
    }
}

/// <summary>Waits for a condition instead of for a time.</summary>
public static class Eventually
{
    /// <summary>Asks every 50 ms until the answer is not null, at most until the deadline; then fails naming what.</summary>
    public static async Task<T> GetAsync<T>(string what, Func<Task<T?>> ask, TimeSpan? within = null)
        where T : class
    {
        var limit = within ?? TimeSpan.FromSeconds(30);
        var watch = Stopwatch.StartNew();
        while (true)
        {
            if (await ask() is { } answer)
                return answer;
            if (watch.Elapsed > limit)
                throw new TimeoutException($"not within {limit.TotalSeconds:0} s: {what}");
            await Task.Delay(50);
        }
    }

    public static Task HoldsAsync(string what, Func<Task<bool>> ask, TimeSpan? within = null) =>
        GetAsync<object>(what, async () => await ask() ? what : null, within);

    /// <summary>The same for what can be asked without waiting.</summary>
    public static Task HoldsAsync(string what, Func<bool> ask, TimeSpan? within = null) =>
        HoldsAsync(what, () => Task.FromResult(ask()), within);
}
