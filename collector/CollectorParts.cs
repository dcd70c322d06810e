using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.Alerts;
using RuntimeGuard.Collector.Gateway;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Collector.History.DuckDb;
using RuntimeGuard.Collector.Hosting;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.Registry;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Collector.Trust;

namespace RuntimeGuard.Collector;

/// <summary>The parts of one running collector, built once in the order data passes them. Owns what it holds.</summary>
sealed class CollectorParts : IAsyncDisposable
{
    readonly CancellationTokenSource _stopping = new();
    readonly FileStream _hold;

    CollectorParts(CollectorOptions options, FileStream hold, StateStore state, CollectorDiagnostics diagnostics, TimeProvider time)
    {
        (Options, _hold, State, Diagnostics, Time) = (options, hold, state, diagnostics, time);
        Authority = CertificateAuthority.Load(options.Data);
        TimeScaleOriginUnixNs = options.TimeScale == 1 ? 0 : options.Data.TimeScaleOrigin(time.UnixNs());
        Nodes = new NodeDirectory(state, diagnostics, time);
        EnrolmentLimiter = new LoginLimiter(time);
        JoinTokens = new JoinTokens(state, Authority, time);
        Feed = new AlertFeed();
        Anomalies = new AnomalyLane(state, Feed, diagnostics, time);
        ContainerNames = new ContainerNames(diagnostics);
        HistoryItems = new HistoryItems(ContainerNames, new ProcessNames(diagnostics));
        Health = new PartsHealth(diagnostics);
        History = DuckDbHistory.Open(options.Data.History, options.HistoryAge, diagnostics, time);
        Pump = new AnomalyPump(state, History, Feed);
        Coverage = new CoverageDesk(History, Nodes, state, options, time);
        Models = new ModelFeed(time);
        Registry = new WorkloadRegistry(state, Models, options, diagnostics, time);
        OverrideDesk = new OverrideDesk(Registry, state, Feed, options, time);
        EvidenceDesk = new EvidenceDesk(Registry, Nodes, new DriftAlerts(state, Feed, options, time), options, time);
        CandidateReplay = new CandidateReplay(History, Coverage, time);
        BearerTokens = new BearerTokens(state, time);
        LoginDesk = new LoginDesk(new LoginLimiter(time), diagnostics);
    }

    public CollectorOptions Options { get; }
    public CollectorDiagnostics Diagnostics { get; }
    public TimeProvider Time { get; }
    public StateStore State { get; }
    public CertificateAuthority Authority { get; }
    public long TimeScaleOriginUnixNs { get; }
    public NodeDirectory Nodes { get; }
    public LoginLimiter EnrolmentLimiter { get; }
    public JoinTokens JoinTokens { get; }
    public AlertFeed Feed { get; }
    public AnomalyLane Anomalies { get; }
    public ContainerNames ContainerNames { get; }
    public HistoryItems HistoryItems { get; }
    public PartsHealth Health { get; }
    public IHistoryStore History { get; }
    public AnomalyPump Pump { get; }
    public CoverageDesk Coverage { get; }
    public ModelFeed Models { get; }
    public WorkloadRegistry Registry { get; }
    public OverrideDesk OverrideDesk { get; }
    public EvidenceDesk EvidenceDesk { get; }
    public CandidateReplay CandidateReplay { get; }
    public BearerTokens BearerTokens { get; }
    public LoginDesk LoginDesk { get; }

    /// <summary>Ends every stream so that the servers can stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    public static async Task<CollectorParts> OpenAsync(
        CollectorOptions options, CollectorDiagnostics diagnostics, TimeProvider time, CancellationToken cancellation)
    {
        options.Data.RequireInitialised();
        var hold = options.Data.Hold();
        StateStore? state = null;
        CollectorParts? parts = null;
        try
        {
            state = await StateStore.OpenAsync(options.Data, cancellation);
            parts = new CollectorParts(options, hold, state, diagnostics, time);
            await parts.ContainerNames.LoadAsync(parts.History, time, cancellation);
            await parts.Registry.LoadAsync(cancellation);
            return parts;
        }
        catch
        {
            if (parts is not null)
            {
                await parts.DisposeAsync();
            }
            else
            {
                state?.Dispose();
                await hold.DisposeAsync();
            }
            throw;
        }
    }

    public Task StopStreamsAsync() => _stopping.CancelAsync();

    /// <summary>Closes the stores and lets go of the data directory, whatever of it fails.</summary>
    public async ValueTask DisposeAsync() => await Closing.AllAsync(Diagnostics,
        ("streams", async () => await _stopping.CancelAsync()),
        Closing.Step("logins", LoginDesk),
        Closing.Step("workloads", Registry),
        Closing.Step("the authority", Authority),
        Closing.Step("history", History),
        Closing.Step("the state store", State),
        Closing.Step("the lock of the data directory", (IAsyncDisposable)_hold),
        Closing.Step("streams", _stopping));
}
