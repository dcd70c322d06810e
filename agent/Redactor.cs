using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace RuntimeGuard.Agent;

/// <summary>
/// Replaces secrets in an argument block by <c>&lt;secret&gt;</c> before anything observes, spools or sends it: values of
/// flags and variables with telling names, credentials in URLs and authorization headers, tokens of well-known shape.
/// Arguments without a suspicious byte sequence pass through untouched and unallocated. Loop thread only.
/// </summary>
sealed class Redactor
{
    static readonly string[] BuiltInNames =
    [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "api-key", "api_key", "access-key", "access_key",
        "accesskey", "private-key", "private_key", "credential", "client-key-data", "auth-key", "authkey", "sas-key",
        "connection-string", "connectionstring", "pgpassword", "mysql_pwd",
    ];

    /// <summary>Token shapes their issuers publish so that scanners can find them.</summary>
    static readonly string[] BuiltInPatterns =
    [
        @"\bAKIA[0-9A-Z]{16}\b",
        @"\bgh[pousr]_[A-Za-z0-9]{20,}\b",
        @"\bglpat-[A-Za-z0-9_-]{20,}\b",
        @"\bxox[abprs]-[A-Za-z0-9-]{10,}",
        @"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        @"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        @"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",
        @"(?<=\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}",
        @"(?<=[?&](?:token|key|sig|signature|password|secret|access_token)=)[^&\s]+",
    ];

    static ReadOnlySpan<byte> Secret => "<secret>"u8;

    /// <summary>Commands whose short flag takes a secret, joined to it or as the next argument.</summary>
    static readonly (string Command, char Flag)[] ShortFlags =
    [
        ("mysql", 'p'), ("mysqldump", 'p'), ("mysqladmin", 'p'), ("mariadb", 'p'), ("sshpass", 'p'), ("curl", 'u'),
        ("redis-cli", 'a'), ("ldapsearch", 'w'), ("smbclient", 'U'),
    ];

    static readonly SearchValues<char> BeforeValue = SearchValues.Create(" \t\n;'\"");
    static readonly SearchValues<char> AfterValue = SearchValues.Create(" \t\n;,&'\"");

    readonly bool _alwaysLook;
    readonly SearchValues<string> _hints;
    readonly Regex _names;
    readonly Regex _patterns;
    readonly ArrayBufferWriter<byte> _output = new(8192);

    /// <exception cref="OptionsException">A pattern is not a regular expression; names it.</exception>
    public Redactor(IReadOnlyList<string> names, IReadOnlyList<string> patterns)
    {
        string[] allNames = [.. BuiltInNames, .. names];
        var nameChoice = string.Join('|', allNames.Select(Regex.Escape));
        _names = Compile($@"(?:^|[\s;,&'""])-{{0,2}}[\w.-]*(?:{nameChoice})[\w.-]*(?<mark>\s*[=:]\s*|$)");
        _patterns = Compile(string.Join('|', BuiltInPatterns.Concat(patterns).Select(p => $"(?:{p})")));
        // With patterns of the operator's own, no cheap look can rule an argument out.
        _alwaysLook = patterns.Count > 0;
        _hints = SearchValues.Create(
            [.. allNames, .. ShortFlags.Select(f => f.Command), "AKIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "xox",
                "eyJ", "PRIVATE KEY", "@", "bearer", "basic", "key=", "sig=", "signature="],
            StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Values redacted since start.</summary>
    public long Redacted { get; private set; }

    /// <summary>The block with secrets replaced; valid until the next call. Every argument ends with a zero byte.</summary>
    public ReadOnlySpan<byte> Redact(ReadOnlySpan<byte> block)
    {
        if (!_alwaysLook && !MaySpeakOfSecrets(block))
            return block;
        _output.ResetWrittenCount();
        var nextIsSecret = false;
        var shortFlag = ShortFlagOf(block);
        while (!block.IsEmpty)
        {
            var end = block.IndexOf((byte)0);
            var argument = end < 0 ? block : block[..end];
            block = end < 0 ? [] : block[(end + 1)..];
            if (nextIsSecret && argument is not [(byte)'-', ..])
            {
                _output.Write(Secret);
                Redacted++;
                nextIsSecret = false;
            }
            else
            {
                nextIsSecret = shortFlag != 0 && argument.StartsWith([(byte)'-', shortFlag])
                    ? WriteShortFlag(argument)
                    : WriteArgument(argument);
            }
            _output.Write("\0"u8);
        }
        return _output.WrittenSpan;
    }

    bool MaySpeakOfSecrets(ReadOnlySpan<byte> block)
    {
        Span<char> text = stackalloc char[1024];
        while (!block.IsEmpty)
        {
            var take = Math.Min(block.Length, text.Length);
            Encoding.Latin1.GetChars(block[..take], text);
            if (((ReadOnlySpan<char>)text[..take]).ContainsAny(_hints))
                return true;
            // Overlap, so that a hint on the border is not cut in two.
            block = take == block.Length ? [] : block[(take - 24)..];
        }
        return false;
    }

    static byte ShortFlagOf(ReadOnlySpan<byte> block)
    {
        var end = block.IndexOf((byte)0);
        var command = end < 0 ? block : block[..end];
        command = command[(command.LastIndexOf((byte)'/') + 1)..];
        foreach (var (name, flag) in ShortFlags)
            if (Ascii.Equals(command, name))
                return (byte)flag;
        return 0;
    }

    bool WriteShortFlag(ReadOnlySpan<byte> argument)
    {
        _output.Write(argument[..2]);
        if (argument.Length == 2)
            return true;
        _output.Write(Secret);
        Redacted++;
        return false;
    }

    /// <summary>Writes one argument redacted; true when it is a bare flag whose value is the next argument.</summary>
    bool WriteArgument(ReadOnlySpan<byte> argument)
    {
        // Latin-1 maps bytes to chars one to one, so invalid UTF-8 survives the way there and back.
        var text = Encoding.Latin1.GetString(argument);
        var bareFlag = false;
        try
        {
            text = _patterns.Replace(text, CountedSecret);
            var name = _names.Match(text);
            if (name.Success)
            {
                var mark = name.Groups["mark"];
                bareFlag = mark.Length == 0 && text.StartsWith('-') && !text.Contains(' ', StringComparison.Ordinal);
                if (mark.Length > 0)
                    text = RedactValue(text, mark.Index + mark.Length);
            }
        }
        catch (RegexMatchTimeoutException)
        {
            // An argument built to be slow is not worth reading, and may not pass unread.
            text = "<secret>";
            Redacted++;
        }
        _output.Advance(Encoding.Latin1.GetBytes(text, _output.GetSpan(text.Length)));
        return bareFlag;
    }

    /// <summary>Hides the value from here to its end: a closing quote, or white space when it was not quoted.</summary>
    string RedactValue(string text, int start)
    {
        if (start >= text.Length)
            return text;
        var whole = !text.AsSpan(0, start).ContainsAny(BeforeValue) && !text.AsSpan(start).StartsWith("\"");
        var end = whole ? text.Length : text.AsSpan(start).IndexOfAny(AfterValue) is >= 0 and var n ? start + n : text.Length;
        if (text[start] is '"' or '\'' && text.IndexOf(text[start], start + 1) is > 0 and var quote)
            end = quote + 1;
        Redacted++;
        return string.Concat(text.AsSpan(0, start), "<secret>", RedactRest(text[end..]));
    }

    string RedactRest(string rest)
    {
        var name = _names.Match(rest);
        return name.Success && name.Groups["mark"] is { Length: > 0 } mark ? RedactValue(rest, mark.Index + mark.Length) : rest;
    }

    string CountedSecret(Match match)
    {
        Redacted++;
        return "<secret>";
    }

    static Regex Compile(string pattern)
    {
        try
        {
            // Look-behinds rule out the linear-time engine; the timeout bounds what an attacker's argument can cost.
            return new Regex(pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, TimeSpan.FromMilliseconds(50));
        }
        catch (ArgumentException e)
        {
            throw new OptionsException($"redactPatterns: {e.Message}");
        }
    }
}
