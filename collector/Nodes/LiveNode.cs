using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Nodes;

/// <summary>One connected agent. Its stream writes, everybody reads.</summary>
sealed class LiveNode(string node, string enrolment, Hello hello, long connectedUnixNs, Action<string> close)
{
    long _lastHeardUnixNs = connectedUnixNs;
    volatile Heartbeat? _heartbeat;

    public string Node { get; } = node;

    public string Enrolment { get; } = enrolment;

    public Hello Hello { get; } = hello;

    public long ConnectedUnixNs { get; } = connectedUnixNs;

    public long LastHeardUnixNs => Volatile.Read(ref _lastHeardUnixNs);

    public Heartbeat? Heartbeat => _heartbeat;

    public void Heard(long nowUnixNs) => Volatile.Write(ref _lastHeardUnixNs, nowUnixNs);

    public void Beat(Heartbeat heartbeat) => _heartbeat = heartbeat;

    /// <summary>Ends its stream; the agent is told why.</summary>
    public void Close(string reason) => close(reason);
}
