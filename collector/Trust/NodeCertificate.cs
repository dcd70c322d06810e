using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RuntimeGuard.Collector.Trust;

/// <summary>
/// Short-lived client certificates of nodes. The subject is the node's name; a URI names the enrolment it belongs to,
/// so that revoking a node and enrolling it again leaves every earlier certificate worthless.
/// </summary>
static class NodeCertificate
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);
    const string EnrolmentPrefix = "urn:runtimeguard:enrolment:";
    const int MaxCsrBytes = 8 * 1024;

    /// <summary>Checks the request's own signature and key and signs it for the node, whatever subject it asked for.</summary>
    /// <exception cref="ArgumentException">The request is malformed; the message says how.</exception>
    public static X509Certificate2 Sign(
        CertificateAuthority authority, ReadOnlySpan<byte> csr, string node, string enrolment, DateTimeOffset now)
    {
        if (csr.Length is 0 or > MaxCsrBytes)
        {
            throw new ArgumentException($"csr has {csr.Length} bytes; a PKCS#10 request of 1 to {MaxCsrBytes} is expected");
        }
        CertificateRequest asked;
        try
        {
            // Verifies the signature: the sender has the key. Extensions it asks for are not taken over.
            asked = CertificateRequest.LoadSigningRequest(csr.ToArray(), HashAlgorithmName.SHA256);
        }
        catch (CryptographicException e)
        {
            throw new ArgumentException($"csr is not a validly signed PKCS#10 request in DER: {e.Message}", e);
        }
        using var key = asked.PublicKey.GetECDsaPublicKey();
        if (key is null || key.KeySize < 256)
        {
            throw new ArgumentException("csr must hold an elliptic curve key of at least 256 bits, such as P-256");
        }
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(node);
        var request = new CertificateRequest(subject.Build(), asked.PublicKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(EnrolmentPrefix + enrolment));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid(ExtendedKeyUsage.ClientAuthentication)], false));
        return authority.Sign(request, now, Lifetime);
    }

    /// <summary>Node and enrolment named by a certificate that this collector's authority has signed.</summary>
    public static (string Node, string Enrolment) Read(X509Certificate2 certificate)
    {
        var node = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        var uri = certificate.GetNameInfo(X509NameType.UrlName, forIssuer: false);
        return (node, uri.StartsWith(EnrolmentPrefix, StringComparison.Ordinal) ? uri[EnrolmentPrefix.Length..] : "");
    }
}
