using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>Kinds of events as people and tools read them: "exec", "process_vm_writev" ...</summary>
static class EventNames
{
    static readonly Dictionary<EventKind, string> Names = Enum.GetValues<EventKind>().ToDictionary(kind => kind, kind =>
        kind == EventKind.ProcessVmWritev ? "process_vm_writev" : kind.ToString().ToLowerInvariant());

    public static string Of(EventKind kind) => Names.GetValueOrDefault(kind, "unknown");
}
