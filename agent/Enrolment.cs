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
    /// <summary>Enrols once; returns at once when the node already has its certificate.</summary>
    /// <exception cref="OptionsException">There is no usable token, or the collector refuses it: says which and the remedy.</exception>
    public async Task EnsureEnrolledAsync(CancellationToken cancellation)
    {
        if (identity.IsEnrolled)
            return;
        var token = ReadToken();
        var (id, secret, pin) = Split(token);
        using var channel = Open((_, certificate, chain, errors) =>
            (errors & SslPolicyErrors.RemoteCertificateNameMismatch) == 0 && IsSignedByPin(certificate, chain, pin));
        try
        {
            var answer = await new Proto.Enrolment.EnrolmentClient(channel).EnrolAsync(new EnrolRequest
            {
                TokenId = id,
                TokenSecret = secret,
                Node = options.Node,
                Csr = ByteString.CopyFrom(identity.CreateSigningRequest(options.Node)),
            }, deadline: DateTime.UtcNow.AddSeconds(15), cancellationToken: cancellation);
            identity.Store(answer.Certificate.ToByteArray(), Authority(answer, pin));
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied
            or StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.FailedPrecondition)
        {
            throw new OptionsException($"the collector at {options.Collector} refused the join token: {e.Status.Detail}");
        }
    }

    /// <summary>Asks for a new certificate over the same key, authenticated by the one still valid.</summary>
    public async Task RenewAsync(GrpcChannel channel, CancellationToken cancellation)
    {
        var answer = await new Proto.Enrolment.EnrolmentClient(channel).RenewAsync(
            new RenewRequest { Csr = ByteString.CopyFrom(identity.CreateSigningRequest(options.Node)) },
            deadline: DateTime.UtcNow.AddSeconds(15), cancellationToken: cancellation);
        using var authority = identity.LoadAuthority();
        identity.Store(answer.Certificate.ToByteArray(), authority.RawData);
    }

    string ReadToken()
    {
        if (options.TokenFile is null)
            throw new OptionsException(
                $"node '{options.Node}' is not enrolled; make a join token on the collector and give it with --token-file");
        try
        {
            return (options.TokenFile == "-" ? Console.In.ReadLine() ?? "" : File.ReadAllText(options.TokenFile)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"--token-file: {e.Message}");
        }
    }

    static (string Id, string Secret, byte[] Pin) Split(string token)
    {
        var parts = token.Split('.');
        if (parts.Length == 3 && parts[0].Length > 0 && parts[1].Length > 0 && parts[2].Length == 64
            && parts[2].All(char.IsAsciiHexDigit))
            return (parts[0], parts[1], Convert.FromHexString(parts[2]));
        throw new OptionsException("the join token is not of the form id.secret.sha256; copy it whole from the collector");
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
            if (HasPin(authority, pin) && NodeIdentity.ChainsTo(authority, issued, null))
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
