namespace RuntimeGuard.Collector.History;

/// <summary>What a history row tells of. Numbers are on disk: append only.</summary>
enum HistoryKind : byte
{
    Exec = 1,
    Exit = 2,
    Activity = 3,
    Anomaly = 4,
    Coverage = 5,
    Gap = 6,
    /// <summary>Metadata of a container, kept so that a restarted collector can join it; never an answer.</summary>
    Container = 7,
}

static class HistoryKinds
{
    public static string Name(this HistoryKind kind) => kind switch
    {
        HistoryKind.Exec => "exec",
        HistoryKind.Exit => "exit",
        HistoryKind.Activity => "activity",
        HistoryKind.Anomaly => "anomaly",
        HistoryKind.Coverage => "coverage",
        HistoryKind.Gap => "gap",
        _ => "container",
    };

    public static HistoryKind? Parse(string name) => name switch
    {
        "exec" => HistoryKind.Exec,
        "exit" => HistoryKind.Exit,
        "activity" => HistoryKind.Activity,
        "anomaly" => HistoryKind.Anomaly,
        "coverage" => HistoryKind.Coverage,
        "gap" => HistoryKind.Gap,
        _ => null,
    };
}
