using Microsoft.Extensions.Logging.Abstractions;
using RuntimeGuard.Agent;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Names;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using Container = RuntimeGuard.Proto.Container;
using Record = RuntimeGuard.Proto.Record;

namespace RuntimeGuard.Tests.Support;

/// <summary>The agent's whole user-space path from sample to spool, without a kernel side and without a collector.</summary>
sealed class PipelineBench : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("pipeline").FullName;
    readonly ManualResetEventSlim _woken = new();
    readonly SpoolWriter _writer;
    readonly Task _writing;

    public Counters Counters { get; } = new();

    public Spool Spool { get; }

    public ContainerResolver Resolver { get; }

    public ModelExchange Models { get; }

    public Pipeline Pipeline { get; }

    public NameKeeper Names { get; }

    public Reporter Reporter { get; }

    public List<uint> Released { get; } = [];

    public PipelineBench(string image = "docker.io/library/web", RuntimeLookUp? lookUp = null)
    {
        var options = new AgentOptions { Collector = "localhost:1", Node = "n1", DataDirectory = _directory };
        Spool = Spool.Open(Path.Combine(_directory, "spool"), 64 << 20, 64 << 20);
        var link = new CollectorLink(options, new NodeIdentity(_directory), Spool, new Hello(),
            new LinkDiagnostics(NullLogger.Instance, Counters, _woken.Set));
        _writer = new SpoolWriter(Spool, Counters, TimeProvider.System, () => { });
        _writing = _writer.RunAsync(CancellationToken.None);
        Models = new ModelExchange(new BaselineSet(), new BaselineStore(Path.Combine(_directory, "baselines")), link, Counters);
        Resolver = new ContainerResolver(lookUp ?? ((name, _) => Task.FromResult(LookUpAnswer.Found(Facts(name.Id, image)))),
            _woken.Set, new ResolverOptions(), new ContainerCounters(), TimeProvider.System);
        var clock = BootClock.Start(Path.Combine(_directory, "boot-clock"));
        Reporter = new Reporter("n1", _writer, new CoverageLedger(Path.Combine(_directory, "mark"), _ => { }), Counters, clock);
        Names = new NameKeeper(new NameStore(Path.Combine(_directory, "names"), "boot"), new NameBudget(NameBudget.Most));
        Pipeline = new Pipeline(Resolver, Models, new Redactor([], []), Reporter, new PipelineSide(
            new KernelSlots(() => 9, Released.Add, (_, _) => true, _ => { }, (_, _, _, _) => true, _ => { }), Counters, HostMountNamespace: 1)
            { Names = Names });
        Models.Receive(new LinkMessage { Disconnected = true });
    }

    public static Container Facts(string id, string image) => new()
    {
        Id = id,
        Name = "web",
        Pod = "web-1",
        Tag = "1.0",
        Workload = new Workload { Namespace = "shop", Image = image },
        StartedUnixNs = 1_700_000_000_000_000_000,
    };

    /// <summary>A container whose identity is known and whose entrypoint runs as pid 100.</summary>
    public void StartContainer(uint slot = 1, ulong cgroup = 100)
    {
        Pipeline.Handle(Samples.Cgroup(cgroup, slot, $"/kubepods/besteffort/pod0/{Id(slot)}"));
        Settle();
        Pipeline.Handle(Samples.Exec(new(100, 1000) { Slot = slot, CgroupId = cgroup }, "/usr/sbin/web", ["web"], nsPid: 1));
    }

    public static string Id(uint slot) => slot.ToString("x64", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Waits until every look-up has answered, and applies the answers.</summary>
    public void Settle()
    {
        var deadline = DateTime.UtcNow.AddSeconds(10);
        do
        {
            if (DateTime.UtcNow > deadline)
                throw new TimeoutException("the look-ups did not answer in 10 s");
            _woken.Wait(10);
            _woken.Reset();
            Resolver.Drain(entry => Pipeline.OnResolved(entry, 0));
            Models.Releasable(0, Pipeline.Release);
        }
        while (Resolver.Current.Any(e => e.State is ContainerState.Resolving or ContainerState.Held));
    }

    /// <summary>Applies the collector's word for the workload, as the link would bring it.</summary>
    public void Lock(LearningMode mode = LearningMode.LockedByHand, string image = "docker.io/library/web", string ns = "shop")
    {
        var model = Models.BaselineOf(new WorkloadKey(ns, image)).Snapshot();
        model.Policy = new Policy
        {
            Generation = model.Policy?.Generation ?? 0,
            Version = (model.Policy?.Version ?? 0) + 1,
            Mode = mode,
            StrictClasses = { BehaviourClass.Exec, BehaviourClass.Perm, BehaviourClass.NetOut, BehaviourClass.NetIn },
        };
        Models.Receive(new LinkMessage { Model = model });
    }

    /// <summary>Everything the pipeline sent so far; ends the bench.</summary>
    public (List<Anomaly> Anomalies, List<Record> Records) Finish()
    {
        Reporter.FlushActivity();
        _writer.Complete();
        _writing.GetAwaiter().GetResult();
        return (Spool.Anomalies.Read(1, 10000, 64 << 20, Anomaly.Parser), Spool.Records.Read(1, 10000, 64 << 20, Record.Parser));
    }

    public void Dispose()
    {
        _writer.Complete();
        _writing.GetAwaiter().GetResult();
        Resolver.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Spool.Dispose();
        _woken.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
