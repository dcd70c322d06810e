using System.Buffers;

namespace RuntimeGuard.Agent.Containers;

/// <summary>An image reference taken apart, its repository spelled the one long way.</summary>
/// <param name="Repository">"docker.io/library/nginx" for "nginx".</param>
/// <param name="Tag">Empty when the reference has none.</param>
/// <param name="Digest">"sha256:…", empty when the reference has none.</param>
readonly record struct ImageName(string Repository, string Tag, string Digest)
{
    const int MaxLength = 512;
    const string DefaultRegistry = "docker.io";

    static readonly SearchValues<char> RepositoryCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-/");

    static readonly SearchValues<char> HostCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]");

    static readonly SearchValues<char> TagCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>
    /// Reads a reference by the rules of the distribution project. False when it is none (an image id, hostile text).
    /// </summary>
    public static bool TryParse(string? text, out ImageName name)
    {
        name = default;
        if (string.IsNullOrEmpty(text) || text.Length > MaxLength || IsDigest(text))
            return false;
        var rest = text.AsSpan();
        var digest = "";
        if (rest.IndexOf('@') is var at and >= 0)
        {
            digest = rest[(at + 1)..].ToString();
            rest = rest[..at];
            if (!IsDigest(digest))
                return false;
        }
        var tag = "";
        if (rest.LastIndexOf(':') is var colon and > 0 && !rest[colon..].Contains('/'))
        {
            tag = rest[(colon + 1)..].ToString();
            rest = rest[..colon];
            if (tag.Length is 0 or > 128 || tag.AsSpan().ContainsAnyExcept(TagCharacters))
                return false;
        }
        if (!TryRepository(rest, out var repository))
            return false;
        name = new(repository, tag, digest);
        return true;
    }

    /// <summary>Whether the text is an algorithm and a hash and nothing else, as image ids are.</summary>
    public static bool IsDigest(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon is > 0 and < 16 && text.Length - colon - 1 is >= 32 and <= 128
            && !text.AsSpan(colon + 1).ContainsAnyExcept(HexDigits);
    }

    static bool TryRepository(ReadOnlySpan<char> rest, out string repository)
    {
        repository = "";
        var slash = rest.IndexOf('/');
        var first = slash < 0 ? default : rest[..slash];
        var hasHost = slash > 0 && (first.ContainsAny('.', ':') || first is "localhost" || first.ContainsAnyInRange('A', 'Z'));
        var path = hasHost ? rest[(slash + 1)..] : rest;
        if (hasHost && first.ContainsAnyExcept(HostCharacters))
            return false;
        if (path.IsEmpty || path.ContainsAnyExcept(RepositoryCharacters) || path[0] == '/' || path[^1] == '/'
            || path.Contains("//", StringComparison.Ordinal))
            return false;
        var host = !hasHost || first is "index.docker.io" or "registry-1.docker.io" ? DefaultRegistry : first.ToString();
        repository = host == DefaultRegistry && !path.Contains('/') ? $"{host}/library/{path}" : $"{host}/{path}";
        return true;
    }
}
