using System.Buffers;
using System.Text.RegularExpressions;

namespace RuntimeGuard.Agent;

/// <summary>What tells a secret from other arguments: telling names, commands whose flags take one, and tokens of known shape.</summary>
sealed class RedactionRules
{
    static readonly string[] BuiltInNames =
    [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "api-key", "api_key", "access-key", "access_key",
        "accesskey", "private-key", "private_key", "credential", "client-key-data", "auth-key", "authkey", "sas-key",
        "connection-string", "connectionstring", "pgpassword", "mysql_pwd",
    ];

    /// <summary>
    /// Token shapes their issuers publish so that scanners can find them, credentials of URLs and of authorization headers.
    /// Where a pattern has a group "secret", that part alone is hidden.
    /// </summary>
    static readonly string[] BuiltInPatterns =
    [
        @"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        @"\bgh[pousr]_[A-Za-z0-9]{20,}",
        @"\bgithub_pat_[A-Za-z0-9_]{20,}",
        @"\bglpat-[A-Za-z0-9_-]{20,}",
        @"\bxox[abprs]-[A-Za-z0-9-]{10,}",
        @"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        @"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        // The password goes on to the last @ before the path: it may hold one itself.
        @"://(?<secret>[^/\s:@]*:[^/\s]+)@",
        @"\b(?:bearer|basic)\s+(?<secret>[A-Za-z0-9._~+/=-]{6,})",
        @"[?&](?:token|key|sig|signature|password|secret|access_token)=(?<secret>[^&\s]+)",
    ];

    /// <summary>What an argument that one of the patterns matches has in it: a cheap look before the patterns are tried.</summary>
    static readonly string[] PatternHints =
        ["AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "eyJ", "PRIVATE KEY", "://",
            "bearer", "basic", "token=", "key=", "sig=", "signature=", "password=", "secret="];

    /// <summary>
    /// Command words after which a flag takes a secret, joined to it or as the next argument. "login" stands for
    /// `docker login`, `helm registry login` and their like.
    /// </summary>
    static readonly (string Command, string Flag)[] Flags =
    [
        ("mysql", "-p"), ("mysqldump", "-p"), ("mysqladmin", "-p"), ("mariadb", "-p"), ("mariadb-dump", "-p"), ("sshpass", "-p"),
        ("curl", "-u"), ("curl", "-U"), ("curl", "--user"), ("curl", "--proxy-user"), ("redis-cli", "-a"), ("ldapsearch", "-w"),
        ("ldapmodify", "-w"), ("ldapadd", "-w"), ("smbclient", "-U"), ("login", "-p"),
    ];

    readonly SearchValues<string> _names;
    readonly SearchValues<string> _hints;

    /// <exception cref="OptionsException">A pattern is not one that can be matched in linear time; names it and the remedy.</exception>
    public RedactionRules(IReadOnlyList<string> names, IReadOnlyList<string> patterns)
    {
        string[] allNames = [.. BuiltInNames, .. names];
        _names = SearchValues.Create(allNames, StringComparison.OrdinalIgnoreCase);
        _hints = SearchValues.Create([.. PatternHints, .. allNames, .. Flags.Select(f => f.Command).Distinct()],
            StringComparison.OrdinalIgnoreCase);
        Patterns = Compile(string.Join('|', BuiltInPatterns.Concat(patterns).Select(p => $"(?:{p})")));
        // With patterns of the operator's own, no cheap look can rule an argument out.
        AlwaysLook = patterns.Count > 0;
    }

    public Regex Patterns { get; }

    public bool AlwaysLook { get; }

    /// <summary>False when nothing in the text can be a secret by these rules.</summary>
    public bool MaySpeakOfSecrets(ReadOnlySpan<char> text) => AlwaysLook || text.ContainsAny(_hints);

    public bool IsTelling(ReadOnlySpan<char> name) => name.ContainsAny(_names);

    /// <summary>Does this word name a command with such flags?</summary>
    public static string? CommandOf(ReadOnlySpan<char> word)
    {
        word = word[(word.LastIndexOf('/') + 1)..];
        foreach (var (command, _) in Flags)
            if (word.SequenceEqual(command))
                return command;
        return null;
    }

    /// <summary>
    /// How a flag of the command carries its secret: 0 not at all, the flag's length when it is joined, -1 when it is the
    /// next word ("-u", "--user", or a cluster of short flags that ends in one, "-su").
    /// </summary>
    public static int JoinedAt(string command, ReadOnlySpan<char> word)
    {
        foreach (var (named, flag) in Flags)
        {
            if (named != command)
                continue;
            if (word.SequenceEqual(flag))
                return -1;
            if (flag.Length > 2)
            {
                if (word.StartsWith(flag) && word[flag.Length] == '=')
                    return flag.Length + 1;
                continue;
            }
            if (word.StartsWith(flag))
                return flag.Length;
            if (command == "curl" && word.Length > 2 && word[0] == '-' && word[1] != '-' && word[^1] == flag[1]
                && word[1..].IndexOfAnyExcept(ShortFlagLetters) < 0)
                return -1;
        }
        return 0;
    }

    static readonly SearchValues<char> ShortFlagLetters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    static Regex Compile(string pattern)
    {
        try
        {
            // Linear in the argument whatever it holds: an argument made to be slow would slow every container of the node.
            return new Regex(pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new OptionsException($"redactPatterns: {e.Message} (look-arounds and back references are not supported; " +
                "name the part to hide with a group: (?<secret>...))");
        }
    }
}
