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
    ECDsa? _fresh;  // made for an enrolment, not yet answered

    string KeyPath => Path.Combine(directory, "key.pem");

    string CertificatePath => Path.Combine(directory, "node.crt");

    string AuthorityPath => Path.Combine(directory, "ca.crt");

    /// <summary>All of it is here and belongs together: a crash while it was being replaced is as good as nothing.</summary>
    public bool IsEnrolled
    {
        get
        {
            if (!File.Exists(CertificatePath) || !File.Exists(AuthorityPath) || !File.Exists(KeyPath))
                return false;
            try
            {
                using var certificate = LoadCertificate();
                return true;
            }
            catch (CryptographicException)
            {
                return false;
            }
        }
    }

    /// <summary>The certificate with its key. Throws <see cref="CryptographicException"/> when the files do not match.</summary>
    public X509Certificate2 LoadCertificate() => X509Certificate2.CreateFromPemFile(CertificatePath, KeyPath);

    public X509Certificate2 LoadAuthority() => X509CertificateLoader.LoadCertificateFromFile(AuthorityPath);

    /// <summary>A request for an enrolment, over a key made for it: what an earlier key could do ends with the earlier enrolment.</summary>
    public byte[] RequestEnrolment(string node)
    {
        _fresh?.Dispose();
        _fresh = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return SigningRequest(node, _fresh);
    }

    /// <summary>A request for the next certificate over the key of the one in use.</summary>
    public byte[] RequestRenewal(string node)
    {
        using var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(KeyPath));
        return SigningRequest(node, key);
    }

    /// <summary>Takes the collector's answer; the certificate last, so that a half-written identity is not "enrolled".</summary>
    public void Store(byte[] certificate, byte[] authority)
    {
        Directory.CreateDirectory(directory);
        DurableFile.Write(AuthorityPath, Pem("CERTIFICATE", authority));
        if (_fresh is { } key)
            DurableFile.Write(KeyPath, Pem("PRIVATE KEY", key.ExportPkcs8PrivateKey()));
        DurableFile.Write(CertificatePath, Pem("CERTIFICATE", certificate));
        _fresh?.Dispose();
        _fresh = null;
    }

    /// <summary>Accepts a server only when its chain ends at our collector's CA and its name is the one we dialled.</summary>
    public RemoteCertificateValidationCallback TrustOnlyAuthority()
    {
        var authority = LoadAuthority();
        return (_, certificate, chain, errors) =>
            certificate is X509Certificate2 server
            && (errors & (SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable)) == 0
            && ChainsTo(authority, server, chain, server: true);
    }

    /// <summary>A node's certificate is signed by the same CA and could bear the collector's name: it must not pass for a server's.</summary>
    public static void RequireServer(X509Chain chain) => chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));

    /// <summary>True when the certificate is signed, now valid, and its only trusted root is the authority.</summary>
    /// <param name="server">It must be made for servers.</param>
    public static bool ChainsTo(X509Certificate2 authority, X509Certificate2 certificate, X509Chain? presented, bool server)
    {
        using var chain = new X509Chain();
        if (server)
            RequireServer(chain);
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        if (presented is not null)
            foreach (var element in presented.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(certificate);
    }

    static byte[] SigningRequest(string node, ECDsa key) =>
        new CertificateRequest($"CN={node}", key, HashAlgorithmName.SHA256).CreateSigningRequest();

    static byte[] Pem(string label, byte[] der) => System.Text.Encoding.ASCII.GetBytes(PemEncoding.WriteString(label, der) + "\n");
}
