using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.Access;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Collector.Trust;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>Lets nodes in: a join token buys the first certificate, the certificate buys the next.</summary>
sealed class EnrolmentService(CollectorParts parts) : Enrolment.EnrolmentBase
{
    readonly StateStore _state = parts.State;
    readonly CertificateAuthority _authority = parts.Authority;
    readonly TimeProvider _time = parts.Time;
    readonly CollectorDiagnostics _diagnostics = parts.Diagnostics;

    public override async Task<EnrolResponse> Enrol(EnrolRequest request, ServerCallContext context)
    {
        var address = context.GetHttpContext().Connection.RemoteIpAddress?.ToString() ?? "";
        if (!NodeName.IsValid(request.Node) || request.TokenId.Length > 64 || request.TokenSecret.Length > 128)
        {
            throw Refuse("", address, StatusCode.InvalidArgument, $"node: {NodeName.Rule}");
        }
        var wait = parts.EnrolmentLimiter.TryTake($"address {address}");
        if (wait > TimeSpan.Zero)
        {
            throw Refuse(request.Node, address, StatusCode.ResourceExhausted,
                $"too many failed enrolments; try again in {Math.Ceiling(wait.TotalSeconds):0} s");
        }
        var enrolment = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        using var certificate = Sign(request.Csr, request.Node, enrolment, address);
        var refusal = await _state.WriteAsync(
            db => AdmitAsync(db, request, enrolment, certificate, context.CancellationToken), context.CancellationToken);
        if (refusal is { } status)
        {
            throw Refuse(request.Node, address, status.StatusCode, status.Detail);
        }
        parts.EnrolmentLimiter.Succeeded($"address {address}");
        _diagnostics.Enrolments.WithLabels("ok").Inc();
        _diagnostics.NodeEnrolled(request.Node);
        return Answer(certificate);
    }

    public override async Task<EnrolResponse> Renew(RenewRequest request, ServerCallContext context)
    {
        var (node, enrolment) = await AgentIdentity.RequireAsync(context, parts.Nodes);
        using var certificate = Sign(request.Csr, node, enrolment, "its own stream");
        var expires = new DateTimeOffset(certificate.NotAfter).ToUnixNs();
        await _state.WriteAsync(async db =>
        {
            await db.Nodes.Where(row => row.Name == node).ExecuteUpdateAsync(
                set => set.SetProperty(row => row.CertificateExpiresUnixNs, expires), context.CancellationToken);
            db.Audit.Add(AuditTrail.Row(_time.UnixNs(), $"node:{node}", "node.renew", node, ""));
        }, context.CancellationToken);
        _diagnostics.Enrolments.WithLabels("renewed").Inc();
        return Answer(certificate);
    }

    async Task<Status?> AdmitAsync(
        StateContext db, EnrolRequest request, string enrolment, X509Certificate2 certificate, CancellationToken cancellation)
    {
        var row = await db.Nodes.FirstOrDefaultAsync(row => row.Name == request.Node, cancellation);
        if (await parts.JoinTokens.TakeAsync(db, request.TokenId, request.TokenSecret, request.Node, cancellation) is { } refusal)
        {
            return new Status(StatusCode.PermissionDenied, refusal);
        }
        if (row is { RevokedUnixNs: 0 })
        {
            // The use was not for this: nothing of the transaction may stay.
            db.ChangeTracker.Clear();
            return new Status(StatusCode.AlreadyExists,
                $"node '{request.Node}' is enrolled already; revoke it first (runtimeguard-collector node revoke {request.Node}) " +
                "or enrol under another name");
        }
        if (row is null)
        {
            if (!await MakeRoomAsync(db, cancellation))
            {
                db.ChangeTracker.Clear();
                _diagnostics.NodesRefused.Inc();
                return new Status(StatusCode.ResourceExhausted,
                    $"{parts.Options.StateLimits.Nodes} nodes are enrolled, as many as this collector keeps; revoke one that is gone " +
                    "(runtimeguard-collector node revoke NAME)");
            }
            row = new NodeRow { Name = request.Node, Enrolment = enrolment };
            db.Nodes.Add(row);
        }
        var now = _time.UnixNs();
        row.Enrolment = enrolment;
        row.EnrolledUnixNs = now;
        row.RevokedUnixNs = 0;
        row.CertificateExpiresUnixNs = new DateTimeOffset(certificate.NotAfter).ToUnixNs();
        db.Audit.Add(AuditTrail.Row(now, $"join-token:{request.TokenId}", "node.enrol", request.Node, ""));
        return null;
    }

    /// <summary>Whether one more node may be enrolled: at the cap a revoked one is forgotten, the longest unheard first.</summary>
    async Task<bool> MakeRoomAsync(StateContext db, CancellationToken cancellation)
    {
        if (await db.Nodes.CountAsync(cancellation) < parts.Options.StateLimits.Nodes)
        {
            return true;
        }
        var gone = await db.Nodes.Where(row => row.RevokedUnixNs != 0).OrderBy(row => row.LastHeardUnixNs).FirstOrDefaultAsync(cancellation);
        if (gone is null)
        {
            return false;
        }
        db.Nodes.Remove(gone);
        db.Audit.Add(AuditTrail.Row(_time.UnixNs(), AuditTrail.Collector, "node.forget", gone.Name, "revoked; the cap of nodes is reached"));
        _diagnostics.NodesForgotten.Inc();
        return true;
    }

    X509Certificate2 Sign(ByteString csr, string node, string enrolment, string address)
    {
        try
        {
            return NodeCertificate.Sign(_authority, csr.Span, node, enrolment, _time.GetUtcNow());
        }
        catch (ArgumentException e)
        {
            throw Refuse(node, address, StatusCode.InvalidArgument, e.Message);
        }
    }

    EnrolResponse Answer(X509Certificate2 certificate) => new()
    {
        Certificate = ByteString.CopyFrom(certificate.RawData),
        Chain = { ByteString.CopyFrom(_authority.Certificate.RawData) },
    };

    RpcException Refuse(string node, string address, StatusCode status, string reason)
    {
        _diagnostics.Enrolments.WithLabels("refused").Inc();
        // Past the limiter a caller has few tries; what is refused before it is counted only, so that no outsider fills the log.
        if (status is not StatusCode.ResourceExhausted && node.Length > 0)
        {
            _diagnostics.EnrolmentRefused(node, address, reason);
        }
        return new RpcException(new Status(status, reason));
    }
}
