using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RuntimeGuard.Agent;

/// <summary>
/// Who this node is to the collector: a key made here that never leaves, the certificate the collector signed for it,
/// and the CA both are checked against. Files: <c>key.pem</c>, <c>node.crt</c>, <c>ca.crt</c>, mode 0600.
/// </summary>
sealed class NodeIdentity(string directory)
{
    string KeyPath => Path.Combine(directory, "key.pem");

    string CertificatePath => Path.Combine(directory, "node.crt");

    string AuthorityPath => Path.Combine(directory, "ca.crt");

    public bool IsEnrolled => File.Exists(CertificatePath) && File.Exists(AuthorityPath) && File.Exists(KeyPath);

    /// <summary>The certificate with its key. Throws <see cref="CryptographicException"/> when the files do not match.</summary>
    public X509Certificate2 LoadCertificate() => X509Certificate2.CreateFromPemFile(CertificatePath, KeyPath);

    public X509Certificate2 LoadAuthority() => X509CertificateLoader.LoadCertificateFromFile(AuthorityPath);

    /// <summary>A request for a certificate over this node's key, which is made on the first call.</summary>
    public byte[] CreateSigningRequest(string node)
    {
        using var key = LoadOrCreateKey();
        var request = new CertificateRequest($"CN={node}", key, HashAlgorithmName.SHA256);
        return request.CreateSigningRequest();
    }

    /// <summary>Takes the collector's answer: the authority first, so that a half-written identity is not "enrolled".</summary>
    public void Store(byte[] certificate, byte[] authority)
    {
        Directory.CreateDirectory(directory);
        DurableFile.Write(AuthorityPath, Pem("CERTIFICATE", authority));
        DurableFile.Write(CertificatePath, Pem("CERTIFICATE", certificate));
    }

    /// <summary>Accepts a server only when its chain ends at our collector's CA and its name is the one we dialled.</summary>
    public RemoteCertificateValidationCallback TrustOnlyAuthority()
    {
        var authority = LoadAuthority();
        return (_, certificate, chain, errors) =>
            certificate is X509Certificate2 server
            && (errors & (SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable)) == 0
            && ChainsTo(authority, server, chain);
    }

    /// <summary>True when the certificate is signed, now valid, and its only trusted root is the authority.</summary>
    public static bool ChainsTo(X509Certificate2 authority, X509Certificate2 certificate, X509Chain? presented)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        if (presented is not null)
            foreach (var element in presented.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(certificate);
    }

    ECDsa LoadOrCreateKey()
    {
        if (File.Exists(KeyPath))
        {
            var known = ECDsa.Create();
            known.ImportFromPem(File.ReadAllText(KeyPath));
            return known;
        }
        Directory.CreateDirectory(directory);
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        DurableFile.Write(KeyPath, Pem("PRIVATE KEY", key.ExportPkcs8PrivateKey()));
        return key;
    }

    static byte[] Pem(string label, byte[] der) => System.Text.Encoding.ASCII.GetBytes(PemEncoding.WriteString(label, der) + "\n");
}
