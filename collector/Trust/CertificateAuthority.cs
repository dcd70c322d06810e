using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RuntimeGuard.Collector.Trust;

/// <summary>
/// The collector's own certificate authority: one ECDSA P-256 key that signs the server's and every node's
/// certificate. Immutable after loading; signing is thread-safe.
/// </summary>
sealed class CertificateAuthority : IDisposable
{
    static readonly TimeSpan Lifetime = TimeSpan.FromDays(3650);
    /// <summary>Certificates are valid from a little before now, for clocks that are a little behind.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(10);

    readonly X509Certificate2 _signer;

    CertificateAuthority(X509Certificate2 signer, X509Certificate2 announcement)
    {
        _signer = signer;
        Certificate = X509CertificateLoader.LoadCertificate(signer.RawData);
        Announcement = announcement;
    }

    /// <summary>Self-signed, without its key: what agents and people trust.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>
    /// The same subject and key under a signature that nobody can check. TLS servers leave self-signed roots out of
    /// the chain they send; this one is sent, so that a node that only has the key's hash can check it before it
    /// sends a secret.
    /// </summary>
    public X509Certificate2 Announcement { get; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo, lower-case hex: the last part of a join token.</summary>
    public string KeyHash =>
        Convert.ToHexStringLower(SHA256.HashData(Certificate.PublicKey.ExportSubjectPublicKeyInfo()));

    public static CertificateAuthority LoadOrCreate(DataDirectory data, DateTimeOffset now)
    {
        if (!File.Exists(data.CaKey) && File.Exists(data.CaCertificate))
        {
            throw new CollectorException(
                $"{data.CaKey} is missing beside {data.CaCertificate}; restore it, or remove ca.crt and enrol all nodes anew");
        }
        if (!File.Exists(data.CaCertificate))
        {
            Create(data, now);
        }
        return Load(data);
    }

    public static CertificateAuthority Load(DataDirectory data)
    {
        try
        {
            return new CertificateAuthority(
                X509Certificate2.CreateFromPemFile(data.CaCertificate, data.CaKey),
                X509Certificate2.CreateFromPem(File.ReadAllText(data.CaAnnouncement)));
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CollectorException(
                $"cannot load the certificate authority from {data.CaCertificate} and {data.CaKey}: {e.Message}; " +
                "restore both from backup, or run as the user that owns them", e);
        }
    }

    static void Create(DataDirectory data, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var name = new X500DistinguishedName($"CN=RuntimeGuard CA {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}");
        var request = AuthorityRequest(name, key);
        using var certificate = request.CreateSelfSigned(now - ClockSkew, now + Lifetime);
        using var throwaway = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var announcement = AuthorityRequest(name, key).Create(
            new X500DistinguishedName("CN=RuntimeGuard CA announcement"),
            X509SignatureGenerator.CreateForECDsa(throwaway), now - ClockSkew, now + Lifetime, SerialNumber());
        DataDirectory.Write(data.CaAnnouncement, announcement.ExportCertificatePem() + "\n", secret: false);
        DataDirectory.Write(data.CaKey, key.ExportPkcs8PrivateKeyPem() + "\n", secret: true);
        DataDirectory.Write(data.CaCertificate, certificate.ExportCertificatePem() + "\n", secret: false);
    }

    static CertificateRequest AuthorityRequest(X500DistinguishedName name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    /// <summary>Signs a leaf; the caller has put its own extensions into the request.</summary>
    public X509Certificate2 Sign(CertificateRequest request, DateTimeOffset now, TimeSpan lifetime)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_signer, true, false));
        var until = now + lifetime;
        if (until > _signer.NotAfter)
        {
            until = _signer.NotAfter;
        }
        return request.Create(_signer, now - ClockSkew, until, SerialNumber());
    }

    /// <summary>True when this authority, and no other, signed the certificate, it is valid now and made for clients.</summary>
    public bool IsOwnClient(X509Certificate2 certificate, DateTimeOffset now) =>
        IsOwn(certificate, now, ExtendedKeyUsage.ClientAuthentication);

    public bool IsOwnServer(X509Certificate2 certificate, DateTimeOffset now) =>
        IsOwn(certificate, now, ExtendedKeyUsage.ServerAuthentication);

    bool IsOwn(X509Certificate2 certificate, DateTimeOffset now, string usage)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(Certificate);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now.LocalDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
        return chain.Build(certificate);
    }

    static byte[] SerialNumber()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)(serial[0] & 0x7f | 0x40);
        return serial;
    }

    public void Dispose()
    {
        _signer.Dispose();
        Certificate.Dispose();
        Announcement.Dispose();
    }
}
