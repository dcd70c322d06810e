using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>The names that make a behaviour, out of texts that hold them.</summary>
static class BehaviourNames
{
    const string Arrow = " -> ";

    /// <summary>Every way to read "actor -> object": one, but for names that hold an arrow of their own.</summary>
    public static IEnumerable<(string Actor, string Object)> Of(string behaviour)
    {
        for (var at = behaviour.IndexOf(Arrow, StringComparison.Ordinal); at >= 0;
            at = behaviour.IndexOf(Arrow, at + 1, StringComparison.Ordinal))
        {
            yield return (behaviour[..at], behaviour[(at + Arrow.Length)..]);
        }
    }

    public static string Text(string actor, string target) => actor + Arrow + target;

    /// <summary>The version of a container as agents name it: tag@digest, or the tag alone; empty when neither is known.</summary>
    public static string Version(Container? container) => container switch
    {
        null => "",
        { Digest.Length: > 0 } => $"{container.Tag}@{container.Digest}",
        _ => container.Tag,
    };
}
