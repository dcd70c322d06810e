using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RuntimeGuard.Cli;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class PinnedCaTests : IDisposable
{
    static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;
    static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");
    static readonly Oid ClientUse = new("1.3.6.1.5.5.7.3.2");

    readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    readonly X509Certificate2 _ca;
    readonly X509Certificate2 _announcement;

    public PinnedCaTests()
    {
        _ca = Authority(_key).CreateSelfSigned(Now.AddDays(-1), Now.AddDays(10));
        using var throwaway = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _announcement = Authority(_key).Create(new X500DistinguishedName("CN=announcement"),
            X509SignatureGenerator.CreateForECDsa(throwaway), Now.AddDays(-1), Now.AddDays(10), [1, 2, 3]);
    }

    public void Dispose()
    {
        _key.Dispose();
        _ca.Dispose();
        _announcement.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_certificate_of_the_pinned_key_is_accepted(bool announced)
    {
        using var pinned = PinnedCa.FromPem((announced ? _announcement : _ca).ExportCertificatePem());
        using var leaf = Leaf(_ca, ServerUse, Now.AddDays(-1), Now.AddDays(1));
        Assert.Equal(PinnedCa.FingerprintOf(_ca), pinned.Fingerprint);
        Assert.True(pinned.Accepts(leaf, SslPolicyErrors.RemoteCertificateChainErrors));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_certificate_of_another_key_under_the_same_name_is_not(bool announced)
    {
        using var pinned = PinnedCa.FromPem((announced ? _announcement : _ca).ExportCertificatePem());
        using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // Same subject and the very key identifier of the real CA: only the signature tells them apart.
        var request = Authority(otherKey);
        request.CertificateExtensions.Remove(request.CertificateExtensions.Last());
        request.CertificateExtensions.Add(_ca.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single());
        using var other = request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(10));
        using var leaf = Leaf(other, ServerUse, Now.AddDays(-1), Now.AddDays(1));
        Assert.False(pinned.Accepts(leaf, SslPolicyErrors.RemoteCertificateChainErrors));
    }

    [Fact]
    public void A_wrong_name_an_expired_or_a_client_certificate_is_not()
    {
        using var pinned = PinnedCa.FromPem(_ca.ExportCertificatePem());
        using var good = Leaf(_ca, ServerUse, Now.AddDays(-1), Now.AddDays(1));
        using var expired = Leaf(_ca, ServerUse, Now.AddDays(-1), Now.AddHours(-1));
        using var client = Leaf(_ca, ClientUse, Now.AddDays(-1), Now.AddDays(1));
        Assert.False(pinned.Accepts(good, SslPolicyErrors.RemoteCertificateNameMismatch));
        Assert.False(pinned.Accepts(null, SslPolicyErrors.RemoteCertificateNotAvailable));
        Assert.False(pinned.Accepts(expired, SslPolicyErrors.RemoteCertificateChainErrors));
        Assert.False(pinned.Accepts(client, SslPolicyErrors.RemoteCertificateChainErrors));
    }

    static CertificateRequest Authority(ECDsa key)
    {
        var request = new CertificateRequest("CN=Test CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    static X509Certificate2 Leaf(X509Certificate2 issuer, Oid use, DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=collector", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([use], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, true, false));
        return request.Create(issuer, from, until, [9, 9, 9]);
    }
}
