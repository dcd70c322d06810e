using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Names;
using RuntimeGuard.Agent.Sensors;
using RuntimeGuard.Models;

namespace RuntimeGuard.Agent;

/// <summary>What the agent's tables take when every one of them is full, from their caps and what an entry was measured to take.</summary>
static class WorstCase
{
    static readonly (string Table, long Bytes)[] Tables =
    [
        ("processes", Pipeline.ProcessCapacity * (Pipeline.MostKeptBytes + 1024L)),
        ("baselines", BaselineSet.DefaultBytes),
        ("names", NameBudget.Most * 200L),
        ("activity", Reporter.ActivityCapacity * 384L),
        ("parked samples", new ResolverOptions().ParkedBytesTotal),
        ("queues", SpoolWriter.MostQueuedBytes),
        ("rings", 2L * (new BpfSensorOptions().VitalRingBytes + new BpfSensorOptions().BulkRingBytes)),
    ];

    public static long Mebibytes => Tables.Sum(t => t.Bytes) >> 20;

    public static string Breakdown => string.Join(", ", Tables.Select(t => $"{t.Table} {t.Bytes >> 20}"));
}
