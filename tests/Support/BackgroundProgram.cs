using System.Diagnostics;

namespace RuntimeGuard.Tests.Support;

/// <summary>
/// The product's programs where their own projects put them: beside the tests they would miss what the tests' frameworks
/// already bring.
/// </summary>
static class ProductProgram
{
    public static string Find(string name)
    {
        // ROOT/tests/bin/CONFIGURATION/FRAMEWORK/RUNTIME/
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        var root = output.Parent!.Parent!.Parent!.Parent!.Parent!;
        var project = name switch
        {
            "runtimeguard-agent" => "agent",
            "runtimeguard-collector" => "collector",
            "rgctl" => "collector/Cli",
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no program of the product"),
        };
        var program = Path.Combine(root.FullName, project, Path.GetRelativePath(Path.Combine(root.FullName, "tests"), output.FullName), name);
        return File.Exists(program)
            ? program
            : throw new InvalidOperationException($"{program} is missing: build RuntimeGuard.sln");
    }
}

/// <summary>A program of the product that runs until it is ended; what it said is in its log.</summary>
public sealed class BackgroundProgram : IAsyncDisposable
{
    readonly Process _process;
    readonly string _log;

    BackgroundProgram(Process process, string log) => (_process, _log) = (process, log);

    /// <summary>Starts a program that lies beside the tests.</summary>
    public static BackgroundProgram Start(string name, string log, params string[] arguments)
    {
        var program = ProductProgram.Find(name);
        // Through a shell for the redirection alone; exec keeps the pid.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" >>\"$RG_LOG\" 2>&1", program, .. arguments]);
        start.Environment["RG_LOG"] = log;
        return new(Process.Start(start)!, log);
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>Fails with the end of the log when the program has ended by itself.</summary>
    public void MustRun()
    {
        if (_process.HasExited)
            throw new InvalidOperationException($"it ended with {_process.ExitCode}:\n{Tail()}");
    }

    public string Tail() => File.Exists(_log) ? string.Join('\n', File.ReadLines(_log).TakeLast(40)) : "(no log)";

    /// <summary>SIGTERM, and an end within 20 s.</summary>
    public async Task StopAsync()
    {
        if (_process.HasExited)
            return;
        (await Command.RunAsync("/bin/kill", "-TERM", $"{_process.Id}")).Succeeded();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"it did not end in 20 s of SIGTERM:\n{Tail()}");
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }
}
