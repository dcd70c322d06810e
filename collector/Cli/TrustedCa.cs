using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RuntimeGuard.Cli;

/// <summary>The CA a login trusts: from a file, or from the collector itself when its key has the fingerprint given.</summary>
static class TrustedCa
{
    /// <summary>Where install.sh leaves the CA on the collector's host, for the logins made there.</summary>
    public const string InstalledPath = "/etc/runtimeguard/ca.crt";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <returns>The CA, PEM.</returns>
    public static string FromFile(string path)
    {
        try
        {
            using var ca = X509CertificateLoader.LoadCertificate(File.ReadAllBytes(path));
            return ca.ExportCertificatePem();
        }
        catch (CryptographicException error)
        {
            throw new Failure(ExitCode.Usage, $"{path} is no certificate: {error.Message}", "give the collector's ca.crt (PEM)");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Usage, $"cannot read {path}: {error.Message}", "give the collector's ca.crt with --ca");
        }
    }

    /// <summary>
    /// Asks the collector for its chain and takes the CA whose public key has the SHA-256 the person was given. Nothing
    /// secret is sent before that.
    /// </summary>
    /// <returns>The CA, PEM.</returns>
    public static async Task<string> FromFingerprintAsync(string server, string fingerprint, CancellationToken cancellation)
    {
        var wanted = ParseFingerprint(fingerprint);
        var (host, port) = CollectorAddress.Parse(server);
        string? found = null;
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(Patience);
            using var socket = new TcpClient();
            await socket.ConnectAsync(host.Trim('[', ']'), port, deadline.Token).ConfigureAwait(false);
            using var tls = new SslStream(socket.GetStream());
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = host,
                ApplicationProtocols = [SslApplicationProtocol.Http2],
                RemoteCertificateValidationCallback = (_, _, chain, _) =>
                {
                    found = Find(chain, wanted);
                    return found is not null;
                },
            }, deadline.Token).ConfigureAwait(false);
        }
        catch (AuthenticationException)
        {
            throw new Failure(ExitCode.Unreachable, $"{server} shows no CA with that fingerprint",
                "compare with what install.sh printed; if it is right, someone may be between you and the collector");
        }
        catch (Exception error) when (error is SocketException or IOException
            || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new Failure(ExitCode.Unreachable, $"no collector answers at {server} ({SafeText.Of(error.Message)})",
                "check that it runs and that --server is right");
        }

        return found ?? throw new Failure(ExitCode.Unreachable, $"{server} shows no certificate", "check --server");
    }

    static string ParseFingerprint(string text)
    {
        var hex = text.StartsWith(PinnedCa.FingerprintPrefix, StringComparison.OrdinalIgnoreCase) ? text[PinnedCa.FingerprintPrefix.Length..] : "";
        return hex.Length == 64 && hex.All(char.IsAsciiHexDigit)
            ? PinnedCa.FingerprintPrefix + hex.ToLowerInvariant()
            : throw new Failure(ExitCode.Usage, "the CA fingerprint must be sha256: and 64 hex digits",
                "copy it from install.sh's output, or from the last part of a join token");
    }

    static string? Find(X509Chain? chain, string wanted)
    {
        if (chain is null)
        {
            return null;
        }

        foreach (var certificate in chain.ChainElements.Select(element => element.Certificate).Concat(chain.ChainPolicy.ExtraStore))
        {
            if (PinnedCa.FingerprintOf(certificate) == wanted)
            {
                return certificate.ExportCertificatePem();
            }
        }

        return null;
    }
}
