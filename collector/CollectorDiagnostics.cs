using Prometheus;

namespace RuntimeGuard.Collector;

/// <summary>Every log message and every metric of the collector, in path order. Event ids and names are stable.</summary>
sealed partial class CollectorDiagnostics
{
    readonly ILogger _log;

    public CollectorDiagnostics(ILogger log)
    {
        _log = log;
        var metrics = Metrics.WithCustomRegistry(Registry);
        Enrolments = metrics.CreateCounter("runtimeguard_enrolments_total", "Enrolment and renewal calls.", "result");
        AgentsConnected = metrics.CreateGauge("runtimeguard_agents_connected", "Agents with an open stream.");
        ItemsCommitted = metrics.CreateCounter("runtimeguard_items_committed_total", "Items made durable.", "lane");
        ItemsRepeated = metrics.CreateCounter("runtimeguard_items_repeated_total", "Items that were durable already.", "lane");
        ItemsRejected = metrics.CreateCounter("runtimeguard_items_rejected_total",
            "Items acknowledged but not stored because a field was out of bounds.", "lane", "reason");
        ItemsShortened = metrics.CreateCounter("runtimeguard_items_shortened_total", "Items of which a part was too large and was cut.", "lane");
        SequenceHoles = metrics.CreateCounter("runtimeguard_sequence_holes_total", "Batches refused for a hole.", "lane");
        StreamsRefused = metrics.CreateCounter("runtimeguard_streams_refused_total", "Agent streams refused.", "reason");
        CommitSeconds = metrics.CreateHistogram("runtimeguard_commit_seconds", "Time of one durable commit.",
            new HistogramConfiguration { LabelNames = ["lane"], Buckets = Histogram.ExponentialBuckets(0.0005, 2, 14) });
        Workloads = metrics.CreateGauge("runtimeguard_workloads", "Workloads in the registry.");
        WorkloadsRefused = metrics.CreateCounter("runtimeguard_workloads_refused_total",
            "Workloads left out: the registry is full, or their node names too many new ones in an hour.", "reason");
        WorkloadsEvicted = metrics.CreateCounter("runtimeguard_workloads_evicted_total", "Workloads unseen for long that made room.");
        EvidenceMerged = metrics.CreateCounter("runtimeguard_evidence_total", "Evidence messages.", "result");
        EvidenceUnreadable = metrics.CreateCounter("runtimeguard_evidence_unreadable_total", "Times a workload's stored evidence was damaged or of an unknown format, and taken for none.");
        BehavioursEvicted = metrics.CreateCounter("runtimeguard_behaviours_evicted_total", "Behaviours beyond a workload's cap of count or bytes.");
        BehavioursRefused = metrics.CreateCounter("runtimeguard_behaviours_refused_total", "Behaviours beyond a node's share of a workload.");
        BehavioursWithheld = metrics.CreateCounter("runtimeguard_behaviours_withheld_total",
            "Behaviours sent as learned for a locked workload, and quarantined.");
        BehavioursAbsorbed = metrics.CreateCounter("runtimeguard_behaviours_absorbed_total", "Behaviours of a drifting class that became normal.");
        ModelsSent = metrics.CreateCounter("runtimeguard_models_sent_total", "Models sent to agents.");
        ModelsUnsendable = metrics.CreateCounter("runtimeguard_models_unsendable_total", "Models that no message can carry, or that cannot be read.");
        SegmentsQuarantined = metrics.CreateCounter("runtimeguard_history_segments_quarantined_total", "Damaged days moved aside.");
        SegmentsRemoved = metrics.CreateCounter("runtimeguard_history_segments_removed_total", "Days removed by retention.");
        HistoryBytes = metrics.CreateGauge("runtimeguard_history_bytes", "Bytes of history on disk.");
        ContainerNamesEvicted = metrics.CreateCounter("runtimeguard_container_names_evicted_total", "Container metadata evicted at the cap.");
        ProcessNamesEvicted = metrics.CreateCounter("runtimeguard_process_names_evicted_total", "Executables of processes forgotten at the cap.");
        RecordsWithoutContainer = metrics.CreateCounter("runtimeguard_records_without_container_total", "Records of containers nothing is known of.");
        AlertsOpened = metrics.CreateCounter("runtimeguard_alerts_opened_total", "Incidents that became an alert.");
        AlertsPruned = metrics.CreateCounter("runtimeguard_alerts_pruned_total", "Alerts removed by age or cap.");
        SpoolsForgotten = metrics.CreateCounter("runtimeguard_spools_forgotten_total",
            "Marks of spools forgotten because their node has named too many.", "lane");
        AuditPruned = metrics.CreateCounter("runtimeguard_audit_pruned_total", "Rows of the audit trail removed by age or cap.");
        NodesForgotten = metrics.CreateCounter("runtimeguard_nodes_forgotten_total", "Revoked nodes forgotten at the cap.");
        NodesRefused = metrics.CreateCounter("runtimeguard_nodes_refused_total", "Enrolments refused at the cap of nodes.");
        PartsFailed = metrics.CreateCounter("runtimeguard_background_failures_total", "Failures of parts that run in the background.", "part");
        Logins = metrics.CreateCounter("runtimeguard_logins_total", "Login attempts.", "result");
        CallsDenied = metrics.CreateCounter("runtimeguard_calls_denied_total", "Calls without the needed right.", "reason");
    }

    public CollectorRegistry Registry { get; } = Metrics.NewCustomRegistry();

    public Counter Enrolments { get; }
    public Gauge AgentsConnected { get; }
    public Counter ItemsCommitted { get; }
    public Counter ItemsRepeated { get; }
    public Counter ItemsRejected { get; }
    public Counter ItemsShortened { get; }
    public Counter SequenceHoles { get; }
    public Counter StreamsRefused { get; }
    public Histogram CommitSeconds { get; }
    public Gauge Workloads { get; }
    public Counter WorkloadsRefused { get; }
    public Counter WorkloadsEvicted { get; }
    public Counter EvidenceMerged { get; }
    public Counter EvidenceUnreadable { get; }

    public Counter BehavioursEvicted { get; }
    public Counter BehavioursRefused { get; }
    public Counter BehavioursWithheld { get; }
    public Counter BehavioursAbsorbed { get; }
    public Counter ModelsSent { get; }
    public Counter ModelsUnsendable { get; }
    public Counter SegmentsQuarantined { get; }
    public Counter SegmentsRemoved { get; }
    public Gauge HistoryBytes { get; }
    public Counter ContainerNamesEvicted { get; }
    public Counter ProcessNamesEvicted { get; }
    public Counter RecordsWithoutContainer { get; }
    public Counter AlertsOpened { get; }
    public Counter AlertsPruned { get; }
    public Counter SpoolsForgotten { get; }
    public Counter AuditPruned { get; }
    public Counter NodesForgotten { get; }
    public Counter NodesRefused { get; }
    public Counter PartsFailed { get; }
    public Counter Logins { get; }
    public Counter CallsDenied { get; }

    [LoggerMessage(100, LogLevel.Information, "collector {Version} serves agents on {AgentListen} and people on {Listen}")]
    public partial void Started(string version, string agentListen, string listen);

    [LoggerMessage(101, LogLevel.Warning, "time scale {TimeScale}: models' time runs faster than the clock; tests and demo only")]
    public partial void TimeScaled(double timeScale);

    [LoggerMessage(102, LogLevel.Information, "collector stopped")]
    public partial void Stopped();

    [LoggerMessage(200, LogLevel.Information, "node {Node} enrolled")]
    public partial void NodeEnrolled(string node);

    [LoggerMessage(201, LogLevel.Warning, "enrolment of {Node} from {Address} refused: {Reason}")]
    public partial void EnrolmentRefused(string node, string address, string reason);

    [LoggerMessage(210, LogLevel.Information, "node {Node} connected, agent {Version}, spool {SpoolId:x16}")]
    public partial void AgentConnected(string node, string version, ulong spoolId);

    [LoggerMessage(211, LogLevel.Information, "node {Node} disconnected: {Reason}")]
    public partial void AgentDisconnected(string node, string reason);

    [LoggerMessage(212, LogLevel.Warning, "stream from {Address} refused: {Reason}")]
    public partial void StreamRefused(string address, string reason);

    [LoggerMessage(220, LogLevel.Warning, "evidence of node {Node} refused: {Reason}")]
    public partial void EvidenceRefused(string node, string reason);

    [LoggerMessage(221, LogLevel.Error, "the model of {Workload} cannot be sent to {Node}: {Reason}; reset the workload to begin it anew")]
    public partial void ModelUnsendable(string workload, string node, string reason);

    [LoggerMessage(222, LogLevel.Error, "the stored evidence of {Workload} ({Bytes} bytes in table workloads of {Path}) cannot be read and is taken for none: {Reason}; " +
        "restart the agents that run it, which then send all they have, or restore that file from backup")]
    public partial void StoredEvidenceUnreadable(string workload, int bytes, string path, string reason);

    [LoggerMessage(300, LogLevel.Error, "{Part} failed and will be tried again: {Reason}")]
    public partial void PartFailed(string part, string reason, Exception cause);

    [LoggerMessage(301, LogLevel.Information, "{Part} works again")]
    public partial void PartWorksAgain(string part);

    [LoggerMessage(302, LogLevel.Error, "{What} could not be closed in good order: {Reason}")]
    public partial void CloseFailed(string what, string reason, Exception cause);

    [LoggerMessage(303, LogLevel.Error, "a task nobody waited for failed: {Reason}")]
    public partial void UnobservedFailure(string reason, Exception cause);

    [LoggerMessage(304, LogLevel.Error, "the token of a call that lasts could not be checked, the call ends: {Reason}")]
    public partial void CheckFailed(string reason, Exception cause);

    [LoggerMessage(400, LogLevel.Error, "history cannot commit, agents will resend: {Reason}")]
    public partial void HistoryFailed(string reason);

    [LoggerMessage(401, LogLevel.Error, "history {Segment} is damaged ({Reason}); moved to {Target}, the other days serve")]
    public partial void SegmentQuarantined(string segment, string reason, string target);
}
