using Grpc.Core;
using RuntimeGuard.Collector.Nodes;
using RuntimeGuard.Collector.Trust;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>Which node a call on the agents' port comes from: the subject of its client certificate.</summary>
static class AgentIdentity
{
    /// <summary>Kestrel has checked signature, validity and purpose; this checks that the enrolment still holds.</summary>
    public static async Task<(string Node, string Enrolment)> RequireAsync(ServerCallContext context, NodeDirectory nodes)
    {
        var certificate = context.GetHttpContext().Connection.ClientCertificate ??
            throw new RpcException(new Status(StatusCode.Unauthenticated,
                "this call needs the node's client certificate; enrol with a join token first"));
        var (node, enrolment) = NodeCertificate.Read(certificate);
        if (await nodes.RefusalAsync(node, enrolment, context.CancellationToken) is { } refusal)
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, refusal));
        }
        return (node, enrolment);
    }
}
