using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// Turns a join token into a certificate. The token is <c>id.secret.sha256(CA key)</c>: the server must prove that it
/// holds that CA before the secret is sent.
/// </summary>
sealed class Enrolment(NodeIdentity identity, AgentOptions options)
{
    /// <summary>
    /// Enrols a node that is not, and once more one whose identity is over when there is a token for it: the collector
    /// refused it, its time is over, it is another node's name or another collector's. Otherwise returns at once.
    /// </summary>
    /// <param name="refused">The collector has just refused the identity in use.</param>
    /// <exception cref="OptionsException">A node never enrolled has no usable token, or it is refused: says which and the remedy.</exception>
    /// <exception cref="RpcException">The collector is away, or refuses to enrol this node once more: try again later.</exception>
    public async Task EnsureEnrolledAsync(bool refused, CancellationToken cancellation)
    {
        var known = identity.IsEnrolled;
        if (known && !IsOver(refused))
            return;
        var token = JoinToken.Read(options);
        using var channel = Open((_, certificate, chain, errors) =>
            (errors & SslPolicyErrors.RemoteCertificateNameMismatch) == 0 && IsSignedByPin(certificate, chain, token.Pin));
        try
        {
            var answer = await new Proto.Enrolment.EnrolmentClient(channel).EnrolAsync(new EnrolRequest
            {
                TokenId = token.Id,
                TokenSecret = token.Secret,
                Node = options.Node,
                Csr = ByteString.CopyFrom(identity.RequestEnrolment(options.Node)),
            }, deadline: DateTime.UtcNow.AddSeconds(15), cancellationToken: cancellation);
            identity.Store(answer.Certificate.ToByteArray(), Authority(answer, token.Pin));
        }
        catch (RpcException e) when (!known && e.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied
            or StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.FailedPrecondition)
        {
            throw new OptionsException($"the collector at {options.Collector} refused the join token: {e.Status.Detail}");
        }
    }

    /// <summary>Without a token that can be read there is nothing to put in its place, and the node keeps what it has.</summary>
    bool IsOver(bool refused)
    {
        if (!File.Exists(options.TokenFile) || !JoinToken.TryRead(options, out var token))
            return false;
        using var certificate = identity.LoadCertificate();
        using var authority = identity.LoadAuthority();
        return refused || DateTime.Now > certificate.NotAfter || !HasPin(authority, token.Pin)
            || certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) != options.Node;
    }

    /// <summary>Asks for a new certificate over the same key, authenticated by the one still valid.</summary>
    public async Task RenewAsync(GrpcChannel channel, CancellationToken cancellation)
    {
        var answer = await new Proto.Enrolment.EnrolmentClient(channel).RenewAsync(
            new RenewRequest { Csr = ByteString.CopyFrom(identity.RequestRenewal(options.Node)) },
            deadline: DateTime.UtcNow.AddSeconds(15), cancellationToken: cancellation);
        using var authority = identity.LoadAuthority();
        identity.Store(answer.Certificate.ToByteArray(), authority.RawData);
    }

    /// <summary>
    /// True when the key that signed the server's certificate has the pinned hash. A TLS server leaves self-signed roots
    /// out, so what it sends of its CA is no root yet: the chain is built with unknown authorities allowed, which still
    /// checks every signature in it.
    /// </summary>
    static bool IsSignedByPin(X509Certificate? certificate, X509Chain? presented, byte[] pin)
    {
        if (certificate is not X509Certificate2 server)
            return false;
        using var chain = new X509Chain();
        NodeIdentity.RequireServer(chain);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        if (presented is not null)
            chain.ChainPolicy.ExtraStore.AddRange(presented.ChainPolicy.ExtraStore);
        return chain.Build(server) && chain.ChainElements.Count > 1 && HasPin(chain.ChainElements[1].Certificate, pin);
    }

    /// <summary>The CA the collector names, once it is the pinned one and has signed our certificate.</summary>
    static byte[] Authority(EnrolResponse answer, byte[] pin)
    {
        using var issued = X509CertificateLoader.LoadCertificate(answer.Certificate.Span);
        foreach (var der in answer.Chain)
        {
            using var authority = X509CertificateLoader.LoadCertificate(der.Span);
            if (HasPin(authority, pin) && NodeIdentity.ChainsTo(authority, issued, null, server: false))
                return authority.RawData;
        }
        throw new OptionsException("the collector's answer is not signed by the CA the join token names; make a new token");
    }

    static bool HasPin(X509Certificate2 certificate, byte[] pin) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()), pin);

    GrpcChannel Open(RemoteCertificateValidationCallback validate) =>
        GrpcChannel.ForAddress($"https://{options.Collector}", new GrpcChannelOptions
        {
            DisposeHttpClient = true,
            HttpHandler = new SocketsHttpHandler
            {
                ConnectTimeout = TimeSpan.FromSeconds(10),
                SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = validate },
            },
        });
}
