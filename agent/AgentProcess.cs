using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Names;
using RuntimeGuard.Agent.Native;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>Builds the parts in the order of the data path, starts the loop, and takes them down again. No logic.</summary>
static class AgentProcess
{
    static readonly TimeSpan RuntimeCallTimeout = TimeSpan.FromSeconds(2);

    public static int Run(AgentOptions options)
    {
        using var logging = LoggerFactory.Create(builder => builder.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
        }));
        var log = logging.CreateLogger("agent");
        Directory.CreateDirectory(options.DataDirectory,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        log.Starting(Version, options.Node, Kernel, options.Collector);

        var counters = new Counters();
        var clock = BootClock.Start(Path.Combine(options.DataDirectory, "boot-clock"));
        var redactor = new Redactor(options.RedactNames, options.RedactPatterns);
        using var wake = new WakeUp();
        using var sensor = BpfSensor.Load(new BpfSensorOptions());
        LogPreflight(log, PreflightCommand.Examine(PreflightCommand.SocketPaths, sensor.Hooks));

        using var spool = Spool.Open(Path.Combine(options.DataDirectory, "spool"),
            (long)options.AnomalySpoolMebibytes << 20, (long)options.RecordSpoolMebibytes << 20);
        var store = new BaselineStore(Path.Combine(options.DataDirectory, "baselines"));
        var identity = new NodeIdentity(Path.Combine(options.DataDirectory, "identity"));
        var link = new CollectorLink(options, identity, spool, Greeting(options, spool, sensor, clock),
            new LinkDiagnostics(log, counters, wake.Signal));
        var writer = new SpoolWriter(spool, counters, TimeProvider.System, link.Nudge);
        counters[Counter.SpoolTorn] = spool.Anomalies.Torn + spool.Records.Torn;

        var coverage = new CoverageLedger(Path.Combine(options.DataDirectory, "coverage"), record => writer.TryWrite(record));

        var containerCounters = new ContainerCounters();
        var endpoints = options.CriEndpoint is { } given ? RuntimeEndpoints.Of(given) : RuntimeEndpoints.Standard;
        using var runtimes = new ContainerRuntime(endpoints, containerCounters, RuntimeCallTimeout, new ResolvConf(Inodes.ChangedUnixNs));
        var resolver = new ContainerResolver(runtimes.LookUpAsync, wake.Signal,
            new ResolverOptions { Deadline = TimeSpan.FromMilliseconds(options.IdentityDeadlineMilliseconds) },
            containerCounters, TimeProvider.System);
        var seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        var models = new ModelExchange(new BaselineSet(seed: seed, source: spool.Id), store, link, counters);
        models.Load();
        if (counters[Counter.BaselineFileRefused] > 0)
            log.BaselineFilesRefused((int)counters[Counter.BaselineFileRefused]);
        var names = new NameKeeper(
            new NameStore(Path.Combine(options.DataDirectory, "names"), BootClock.BootId), new NameBudget(NameBudget.Most));
        LoadNames(names, counters, log);
        var reporter = new Reporter(options.Node, writer, coverage, counters, clock);
        var pipeline = new Pipeline(resolver, models, redactor, reporter, new PipelineSide(
            new KernelSlots(sensor.TakeSlot, sensor.ReleaseSlot, sensor.WatchCgroup, sensor.UnwatchCgroup, sensor.WatchTask,
                sensor.MarkHost),
            counters, ProcfsSensor.HostMountNamespace, ProcfsSensor.HostNetworkNamespace) { Names = names });

        var side = new LinkSide(link, resolver, store, spool, options.HeartbeatSeconds)
        {
            Counters = counters,
            Containers = containerCounters,
            Names = names,
            Log = log,
            OnLost = pipeline.OnLost,
            Reconcile = pipeline.Reconcile,
        };
        var housekeeping = new Housekeeping(sensor, reporter, coverage, models, side);
        using var loop = new EventLoop(sensor, pipeline, new LoopVisitors(link, resolver, models, pipeline, housekeeping), clock, wake);
        return RunUntilSignalled(loop, link, writer, log, () =>
        {
            Snapshot(pipeline, log);
            var now = clock.ToUnixNs(BootClock.BootNs);
            // From here on everything that runs is watched; before, since the agent last did, nothing was.
            var blindFrom = coverage.Start(now);
            if (blindFrom is { } last)
                log.RestartGap(UnixTime.FromUnixNs(last), UnixTime.FromUnixNs(now));
            if (spool.SetAside is { } aside)
            {
                log.SpoolSetAside(aside);
                // How far back the lost items reach is not known; at the least to when the agent last watched.
                writer.TryWrite(new Record { Gap = new Gap { FromUnixNs = blindFrom ?? now, ToUnixNs = now, Reason = "a damaged spool was set aside" } });
            }
        });
    }

    static int RunUntilSignalled(EventLoop loop, CollectorLink link, SpoolWriter writer, ILogger log, Action snapshot)
    {
        using var stop = new CancellationTokenSource();
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            log.Stopping(context.Signal.ToString());
            loop.Stop();
        }
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        var writing = writer.RunAsync(CancellationToken.None);
        var linking = link.RunAsync(stop.Token);
        // Neither task ends by itself: if one does, what it could not mend must end the agent, not be forgotten.
        _ = Task.WhenAny(writing, linking).ContinueWith(_ => loop.Stop(), TaskScheduler.Default);
        snapshot();
        loop.Run();
        writer.Complete();
        writing.GetAwaiter().GetResult();
        stop.Cancel();
        linking.GetAwaiter().GetResult();
        return 0;
    }

    /// <summary>Without them the agent watches all the same: containers are named by what they resolve from now on.</summary>
    static void LoadNames(NameKeeper names, Counters counters, ILogger log)
    {
        try
        {
            names.Load(BootClock.BootNs);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            counters.Add(Counter.DiskFailed);
            log.NamesNotLoaded(e.Message);
        }
        counters[Counter.NameFileRefused] = names.Refused;
        if (names.Refused > 0)
            log.NameFilesRefused(names.Refused);
    }

    /// <summary>What was there before us, through the same door as every other event.</summary>
    static void Snapshot(Pipeline pipeline, ILogger log)
    {
        var (cgroups, processes) = new ProcfsSensor().Snapshot(pipeline.Handle);
        log.Snapshot(cgroups, processes);
    }

    static void LogPreflight(ILogger log, PreflightReport report)
    {
        var blind = report.Events.Where(h => h.Hook.Length == 0).Select(h => h.Event).ToList();
        log.Hooks(report.Events.Count - blind.Count, blind.Count, Listed(blind));
        log.Preflight(report.CgroupVersion, Listed(report.ActiveLsms), Listed(report.RuntimeSockets),
            Listed([.. report.ProgramTypes.Where(t => t.Fires).Select(t => t.Type)]));
        log.WorstCase(WorstCase.Mebibytes, WorstCase.Breakdown);
    }

    static string Listed(IReadOnlyCollection<string> names) => names.Count == 0 ? "none" : string.Join(", ", names);

    static Hello Greeting(AgentOptions options, Spool spool, BpfSensor sensor, BootClock clock)
    {
        var hello = new Hello
        {
            Node = options.Node,
            SpoolId = spool.Id,
            Version = Version,
            BootId = BootClock.BootId,
            StartedUnixNs = clock.ToUnixNs(BootClock.BootNs),
            Kernel = Kernel,
        };
        foreach (var hook in sensor.Hooks)
            hello.Capabilities.Add(new Capability { Event = hook.Event, Hook = hook.Hook, BlindReason = hook.BlindReason });
        return hello;
    }

    static string Kernel => File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    static string Version => typeof(AgentProcess).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
        .InformationalVersion;
}
