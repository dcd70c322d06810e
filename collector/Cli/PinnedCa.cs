using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RuntimeGuard.Cli;

/// <summary>
/// The CA a login trusts, by its key. The collector's own CA certificate and the announcement it sends in the TLS
/// handshake carry the same key, so either may be stored. Immutable; checks may run on any thread.
/// </summary>
sealed class PinnedCa : IDisposable
{
    public const string FingerprintPrefix = "sha256:";

    const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    readonly X509Certificate2 _certificate;

    PinnedCa(X509Certificate2 certificate)
    {
        _certificate = certificate;
        Fingerprint = FingerprintOf(certificate);
    }

    /// <summary><c>sha256:</c> and the hash of the public key (SubjectPublicKeyInfo), as at the end of a join token.</summary>
    public string Fingerprint { get; }

    /// <exception cref="CryptographicException">The text holds no certificate.</exception>
    public static PinnedCa FromPem(string pem) => new(X509Certificate2.CreateFromPem(pem));

    public static string FingerprintOf(X509Certificate2 certificate) =>
        FingerprintPrefix + Convert.ToHexStringLower(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()));

    /// <summary>True when the server proved the name asked for with a valid certificate signed by the pinned key.</summary>
    public bool Accepts(X509Certificate? server, SslPolicyErrors errors)
    {
        const SslPolicyErrors Fatal = SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable;
        if (server is null || (errors & Fatal) != 0)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.ExtraStore.Add(_certificate);
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        chain.ChainPolicy.DisableCertificateDownloads = true;
        // The collector's CA is private to it and publishes no revocation list; a new CA needs a new login.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // That the issuer ends in no public root is expected. Its key is compared below; dates, use and the
        // signature over the server's certificate are still the chain's to check.
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        using var leaf = X509CertificateLoader.LoadCertificate(server.GetRawCertData());
        return chain.Build(leaf) && chain.ChainElements.Count > 1
            && FingerprintOf(chain.ChainElements[1].Certificate) == Fingerprint;
    }

    public void Dispose() => _certificate.Dispose();
}
