using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RuntimeGuard.Collector.Trust;

/// <summary>The certificate both ports present: made by `init`, with every name the collector is reached by.</summary>
static class ServerCertificate
{
    static readonly TimeSpan Lifetime = TimeSpan.FromDays(825);
    static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    /// <summary>Makes or replaces the certificate when it is missing, ends soon or lacks a name. True when it did.</summary>
    public static bool Ensure(DataDirectory data, CertificateAuthority authority, IEnumerable<string> hosts, DateTimeOffset now)
    {
        var wanted = new SortedSet<string>(hosts, StringComparer.OrdinalIgnoreCase)
        {
            "localhost", "127.0.0.1", "::1", Dns.GetHostName(),
        };
        foreach (var host in wanted)
        {
            if (!IPAddress.TryParse(host, out _) && Uri.CheckHostName(host) != UriHostNameType.Dns)
            {
                throw new CollectorException($"--host {host} is neither a DNS name nor an IP address");
            }
        }
        if (File.Exists(data.ServerCertificate) && File.Exists(data.ServerKey))
        {
            using var current = Load(data);
            var names = Names(current);
            if (current.NotAfter > (now + RenewBefore).LocalDateTime && wanted.IsSubsetOf(names) && authority.IsOwnServer(current, now))
            {
                return false;
            }
            // A host given in an earlier run stays: agents may still use it.
            wanted.UnionWith(names);
        }
        Create(data, authority, wanted, now);
        return true;
    }

    /// <summary>With its private key, ready for Kestrel.</summary>
    public static X509Certificate2 Load(DataDirectory data)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(data.ServerCertificate, data.ServerKey);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CollectorException(
                $"cannot load {data.ServerCertificate} and {data.ServerKey}: {e.Message}; " +
                $"remove both and run: runtimeguard-collector init --data-dir {data.Root}", e);
        }
    }

    static void Create(DataDirectory data, CertificateAuthority authority, IEnumerable<string> hosts, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=runtimeguard-collector", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts)
        {
            if (IPAddress.TryParse(host, out var address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(host);
            }
        }
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid(ExtendedKeyUsage.ServerAuthentication)], false));
        using var certificate = authority.Sign(request, now, Lifetime);
        DataDirectory.Write(data.ServerKey, key.ExportPkcs8PrivateKeyPem() + "\n", secret: true);
        DataDirectory.Write(data.ServerCertificate, certificate.ExportCertificatePem() + "\n", secret: false);
    }

    static HashSet<string> Names(X509Certificate2 certificate)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var extension in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>())
        {
            names.UnionWith(extension.EnumerateDnsNames());
            names.UnionWith(extension.EnumerateIPAddresses().Select(address => address.ToString()));
        }
        return names;
    }
}
