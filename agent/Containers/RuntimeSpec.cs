using System.Net;
using System.Text.Json;

namespace RuntimeGuard.Agent.Containers;

/// <summary>
/// What names need of the OCI specification a runtime keeps of a container, and of the pod's configuration as the kubelet
/// gave it. Pure and bounded; what is no such JSON says nothing.
/// </summary>
sealed class RuntimeSpec
{
    /// <summary>Services of one container that are looked at.</summary>
    public const int MostServices = 512;

    const string Hosts = "_SERVICE_HOST=";
    const string Ports = "_SERVICE_PORT=";
    const int MostBytes = 8 << 20;
    static readonly JsonDocumentOptions Json = new() { MaxDepth = 64 };

    readonly List<(string Service, IPAddress Address)> _services = [];

    /// <summary>Host path of what is mounted at /etc/resolv.conf; empty: nothing is.</summary>
    public string ResolvConf { get; private set; } = "";

    /// <summary>The nameservers of the pod's configuration; empty when it has none.</summary>
    public IReadOnlyList<IPAddress> Nameservers { get; private init; } = [];

    /// <summary>A specification by itself, as containerd keeps it.</summary>
    public static RuntimeSpec Of(ReadOnlyMemory<byte> json) => Read(json, OfSpec);

    /// <summary>A CRI's verbose words of a container: its specification is in them.</summary>
    public static RuntimeSpec OfContainerInfo(string json) =>
        Read(System.Text.Encoding.UTF8.GetBytes(json), top => Member(top, "runtimeSpec") is { } spec ? OfSpec(spec) : new());

    /// <summary>A CRI's verbose words of a sandbox: the kubelet's configuration of the pod, where it is kept.</summary>
    public static RuntimeSpec OfSandboxInfo(string json) => Read(System.Text.Encoding.UTF8.GetBytes(json), top => new()
    {
        Nameservers = Member(top, "config") is { } config && Member(config, "dns_config") is { } dns
            ? [.. Items(dns, "servers").Take(Containers.ResolvConf.MostNameservers)
                .Select(s => AddressText.TryParse(Text(s), out var address) ? address : null).OfType<IPAddress>()]
            : [],
    });

    /// <summary>Services by their full names in the pod's namespace; that of the cluster itself is in "default".</summary>
    public IReadOnlyList<NamedAddress> Services(string ns) =>
        [.. _services.Select(s => new NamedAddress(s.Address, $"{s.Service}.{(s.Service == "kubernetes" ? "default" : ns)}.svc"))];

    static RuntimeSpec OfSpec(JsonElement spec)
    {
        var found = new RuntimeSpec();
        foreach (var mount in Items(spec, "mounts"))
        {
            if (Text(Member(mount, "destination")) == "/etc/resolv.conf")
                found.ResolvConf = Text(Member(mount, "source"));
        }
        if (Member(spec, "process") is { } process)
            found.AddServices([.. Items(process, "env").Take(4096).Select(e => Text(e))]);
        return found;
    }

    /// <summary>As the kubelet writes them: NAME_SERVICE_HOST beside NAME_SERVICE_PORT, and never a public address.</summary>
    void AddServices(string[] environment)
    {
        foreach (var entry in environment)
        {
            var at = entry.IndexOf(Hosts, StringComparison.Ordinal);
            if (at <= 0 || _services.Count >= MostServices || at > 63 || entry.AsSpan(0, at).ContainsAnyExcept(ServiceCharacters))
                continue;
            var name = entry[..at];
            if (AddressText.TryParse(entry.AsSpan(at + Hosts.Length), out var address) && ClusterAddress.Is(address)
                && Array.Exists(environment, e => e.StartsWith(name + Ports, StringComparison.Ordinal)))
                _services.Add((name.ToLowerInvariant().Replace('_', '-'), address));
        }
    }

    static readonly System.Buffers.SearchValues<char> ServiceCharacters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    static RuntimeSpec Read(ReadOnlyMemory<byte> json, Func<JsonElement, RuntimeSpec> read)
    {
        if (json.Length is 0 or > MostBytes)
            return new();
        try
        {
            using var document = JsonDocument.Parse(json, Json);
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return new();
        }
    }

    static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : null;

    static JsonElement.ArrayEnumerator Items(JsonElement element, string name) =>
        Member(element, name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : default;

    static string Text(JsonElement? element) =>
        element is { ValueKind: JsonValueKind.String } text ? text.GetString() ?? "" : "";
}

/// <summary>Addresses a cluster gives to services and pods: not public, not the host itself, not the cloud's metadata.</summary>
static class ClusterAddress
{
    public static bool Is(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        if (bytes.Length == 16)
            return (bytes[0] & 0xFE) == 0xFC;
        return bytes[0] == 10 || (bytes[0] == 172 && bytes[1] is >= 16 and <= 31) || (bytes[0] == 192 && bytes[1] == 168)
            || (bytes[0] == 100 && bytes[1] is >= 64 and <= 127);
    }
}
