using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>What the collector link tells the event loop. Exactly one field is set.</summary>
readonly record struct LinkMessage
{
    public Welcome? Connected { get; init; }

    public bool Disconnected { get; init; }

    public Model? Model { get; init; }

    public EvidenceAck? EvidenceAck { get; init; }
}
