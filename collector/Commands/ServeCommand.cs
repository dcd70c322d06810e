using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using System.Runtime.InteropServices;
using RuntimeGuard.Collector.Hosting;

namespace RuntimeGuard.Collector.Commands;

/// <summary>`serve`: runs the collector until it is told to stop.</summary>
static class ServeCommand
{
    public static Command Build()
    {
        var dataDir = CommandLine.DataDir();
        var agentListen = Address("--agent-listen", "where agents connect", "0.0.0.0:7443");
        var listen = Address("--listen", "where people and tools connect", "0.0.0.0:7444");
        var learning = new Option<TimeSpan?>("--learning-duration")
        {
            Description = "lock a new workload after so long, in model time; default: never, each class learns until its evidence suffices",
            HelpName = "DURATION",
            CustomParser = argument => Durations.Parse(argument),
        };
        var timeScale = new Option<double>("--time-scale")
        {
            Description = "models' time runs this much faster than the clock, durations shrink by it; needs --allow-time-scale",
            HelpName = "S",
            DefaultValueFactory = _ => 1,
        };
        var allowTimeScale = new Option<bool>("--allow-time-scale") { Description = "accept a time scale other than 1 (tests and demo)" };
        var command = new Command("serve", "run the collector")
        {
            dataDir, agentListen, listen, learning, timeScale, allowTimeScale,
        };
        command.Validators.Add(result => CheckTimeScale(result, timeScale, allowTimeScale));
        command.SetAction((result, cancellation) => RunAsync(new CollectorOptions
        {
            Data = new DataDirectory(result.GetRequiredValue(dataDir)),
            AgentListen = result.GetRequiredValue(agentListen),
            Listen = result.GetRequiredValue(listen),
            LearningDuration = result.GetValue(learning),
            TimeScale = result.GetValue(timeScale),
        }, cancellation));
        return command;
    }

    static void CheckTimeScale(CommandResult result, Option<double> timeScale, Option<bool> allow)
    {
        if (result.GetResult(timeScale) is not { Implicit: false } given)
        {
            return;
        }
        var scale = given.GetValueOrDefault<double>();
        if (!(scale >= 1 && scale <= 1e6))
        {
            result.AddError("--time-scale must be 1 to 1000000");
        }
        else if (scale != 1 && !result.GetValue(allow))
        {
            result.AddError("--time-scale makes learning meaningless outside tests and demo; add --allow-time-scale if that is meant");
        }
    }

    static Option<IPEndPoint> Address(string name, string description, string fallback) => new(name)
    {
        Description = description,
        HelpName = "ADDRESS:PORT",
        DefaultValueFactory = _ => IPEndPoint.Parse(fallback),
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (text.Contains(':', StringComparison.Ordinal) && IPEndPoint.TryParse(text, out var address))
            {
                return address;
            }
            result.AddError($"{name}: '{text}' is not ADDRESS:PORT, such as {fallback}");
            return IPEndPoint.Parse(fallback);
        },
    };

    static async Task<int> RunAsync(CollectorOptions options, CancellationToken cancellation)
    {
        using var loggers = LoggerFactory.Create(logging => logging
            .SetMinimumLevel(LogLevel.Information)
            .AddFilter("Microsoft", LogLevel.Warning)
            // It tells every client that does not speak HTTP/2 as an error: an outsider would fill the log.
            .AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Critical)
            .AddFilter("Grpc", LogLevel.Warning)
            .AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                console.ColorBehavior = Microsoft.Extensions.Logging.Console.LoggerColorBehavior.Disabled;
            }));
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.TrySetResult();
        }
        var diagnostics = new CollectorDiagnostics(loggers.CreateLogger("collector"));
        TaskScheduler.UnobservedTaskException += (_, failure) => diagnostics.UnobservedFailure(failure.Exception.Message, failure.Exception);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        await using var server = await CollectorServer.StartAsync(options, loggers, TimeProvider.System, cancellation);
        await stop.Task.WaitAsync(cancellation);
        return 0;
    }
}
