using RuntimeGuard.Proto;

namespace RuntimeGuard.Models.Replay;

/// <summary>What decided an alarm.</summary>
public enum AlarmSource
{
    /// <summary>A critical rule.</summary>
    Rule,
    /// <summary>One event by its E-value, or by a person's lock.</summary>
    SingleEvent,
    /// <summary>Small deviations that added up.</summary>
    Grey,
    /// <summary>Too much of something known.</summary>
    Volume,
}

/// <summary>
/// The outcome of a replay. Holds nothing that differs between two runs of the same recording, options and version: how fast
/// it went is measured by who runs it.
/// </summary>
public sealed record ReplayReport
{
    /// <summary>SHA-256 of marks.json: what it was scored with.</summary>
    public required string DataHash { get; init; }

    /// <summary>SHA-256 over the evidence of every workload when training ended (without training: at the end).</summary>
    public required string EvidenceHash { get; init; }

    public required ReplayOptions Options { get; init; }

    public required double Alpha { get; init; }

    public required ReplayScope Scope { get; init; }

    public required FalseAlarms FalseAlarms { get; init; }

    public required Detection Detection { get; init; }

    public required IReadOnlyList<LearningTime> Learning { get; init; }

    public required StateSize State { get; init; }
}

/// <summary>What was replayed.</summary>
/// <param name="JudgedFromNs">Events from this time on were judged, those before it trained.</param>
/// <param name="NotJudged">Events of kinds the models have no behaviour for.</param>
/// <param name="Verdicts">Of the judged part, by <see cref="VerdictKind"/>.</param>
public sealed record ReplayScope(long Events, long FirstNs, long LastNs, long JudgedFromNs, int Nodes, int Workloads, int Containers,
    double TrainedContainerDays, double JudgedContainerDays, long OutOfOrder, IReadOnlyList<(string Kind, long Count)> NotJudged,
    IReadOnlyList<(VerdictKind Kind, long Count)> Verdicts);

/// <summary>Alarms outside every label.</summary>
/// <param name="Count">
/// A behaviour of a workload counts once, the first time it alarms on any container, as one ticket tells an operator once;
/// one that alarmed while training already is a repetition.
/// </param>
/// <param name="Raised">The same with every repetition in a later unit and on other containers.</param>
/// <param name="WhileTraining">Alarms of the part that trained, each once, true or false.</param>
/// <param name="PerContainerDay">Count over the judged container-days.</param>
/// <param name="Interval">Garwood, 95 %, of that rate.</param>
/// <param name="Examples">The first ones, as they would have been shown.</param>
public sealed record FalseAlarms(long Count, long Raised, long WhileTraining, double PerContainerDay, Interval Interval,
    IReadOnlyList<(AlarmSource Source, long Count)> BySource, IReadOnlyList<(BehaviourClass Class, long Count)> ByClass,
    IReadOnlyList<Alarm> Examples);

/// <summary>One alarm, for people.</summary>
/// <param name="Score">Benign occurrences per container-day.</param>
public sealed record Alarm(long TimeNs, WorkloadKey Workload, string ContainerId, AlarmSource Source, BehaviourClass Class,
    string Rule, string Behaviour, string Summary, double Score);

/// <summary>What was found of the labelled attacks.</summary>
/// <param name="Outside">Labels of containers and times that were not judged; nothing is asked of them.</param>
/// <param name="AlarmsPerIncidentMedian">Of incidents that were found.</param>
/// <param name="SecondsToFirstMedian">From an incident's first label to its first alarm, of incidents that were found.</param>
/// <param name="FirstFoundBy">What raised an incident's first alarm.</param>
/// <param name="FoundBy">Incidents in which it raised any alarm.</param>
/// <param name="Missed">Incidents without an alarm, the first of them.</param>
public sealed record Detection(int Incidents, int Found, int Outside, double AlarmsPerIncidentMedian, double AlarmsPerIncident95,
    double SecondsToFirstMedian, double SecondsToFirst95, IReadOnlyList<DetectionRow> ByAttack,
    IReadOnlyList<DetectionRow> ByTechnique, IReadOnlyList<(AlarmSource Source, int Count)> FirstFoundBy,
    IReadOnlyList<(AlarmSource Source, int Count)> FoundBy, IReadOnlyList<string> Missed);

/// <summary>By attack: incidents. By technique: labels, each an attack step.</summary>
/// <param name="Interval">Clopper–Pearson, 95 %.</param>
public sealed record DetectionRow(string Name, int Cases, int Found, Interval Interval)
{
    public double Share => Cases == 0 ? 0 : (double)Found / Cases;
}

/// <summary>How long workloads took until a class was bounded, by evidence alone.</summary>
/// <param name="MedianHours">Of the workloads that got there; not a number when none did.</param>
public sealed record LearningTime(BehaviourClass Class, int Workloads, int Operational, double MedianHours, double LongestHours);

/// <summary>What the models hold at the end.</summary>
/// <param name="EvidenceBytes">As sent and stored.</param>
/// <param name="Dropped">Behaviours evicted or refused at a cap.</param>
public sealed record StateSize(int Behaviours, int LargestBehaviours, long EvidenceBytes, long LargestEvidenceBytes, long Dropped);
