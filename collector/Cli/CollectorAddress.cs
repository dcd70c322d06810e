using System.Net;

namespace RuntimeGuard.Cli;

/// <summary>HOST:PORT of the port for people; the port may be left out.</summary>
static class CollectorAddress
{
    const int DefaultPort = 7444;

    /// <exception cref="Failure">The text names no host and port.</exception>
    public static (string Host, int Port) Parse(string text)
    {
        if (Uri.TryCreate($"https://{text}", UriKind.Absolute, out var uri)
            && uri is { PathAndQuery: "/", UserInfo: "", Fragment: "" } && uri.Host.Length > 0
            && !text.EndsWith('/') && !text.Any(char.IsWhiteSpace))
        {
            return (uri.IdnHost, text.EndsWith($":{uri.Port}", StringComparison.Ordinal) ? uri.Port : DefaultPort);
        }

        throw new Failure(ExitCode.Usage, $"'{SafeText.Of(text, 80)}' is no collector address",
            $"write HOST:PORT, e.g. collector.example:{DefaultPort}");
    }

    public static string Canonical(string text)
    {
        var (host, port) = Parse(text);
        return host.Contains(':', StringComparison.Ordinal) ? $"[{host.Trim('[', ']')}]:{port}" : $"{host}:{port}";
    }

    /// <summary>Whether the address names this host in one of the ways that need no look-up.</summary>
    public static bool IsThisHost(string text)
    {
        var host = Parse(text).Host.Trim('[', ']');
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || host.Equals(Environment.MachineName, StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
    }
}
