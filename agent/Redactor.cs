using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace RuntimeGuard.Agent;

/// <summary>
/// Replaces secrets in an argument block by <c>&lt;secret&gt;</c> before anything observes, spools or sends it: values of
/// flags and variables with telling names, credentials in URLs and authorization headers, tokens of well-known shape, also
/// within shell code. Arguments without a suspicious byte sequence pass through untouched and unallocated; all else is
/// linear in their length. Loop thread only.
/// </summary>
/// <exception cref="OptionsException">A pattern cannot be used; names it.</exception>
sealed class Redactor(IReadOnlyList<string> names, IReadOnlyList<string> patterns)
{
    const string Secret = "<secret>";
    const int LongestBlock = 4096;

    readonly RedactionRules _rules = new(names, patterns);
    readonly ArrayBufferWriter<byte> _output = new(2 * LongestBlock);
    readonly StringBuilder _text = new(2 * LongestBlock);
    string? _command;   // the latest word that names a command with flags of its own
    bool _nextIsSecret;

    /// <summary>Values redacted since start.</summary>
    public long Redacted { get; private set; }

    /// <summary>The block with secrets replaced; valid until the next call. Every argument ends with a zero byte.</summary>
    public ReadOnlySpan<byte> Redact(ReadOnlySpan<byte> block)
    {
        if (!MaySpeakOfSecrets(block))
            return block;
        _output.ResetWrittenCount();
        (_command, _nextIsSecret) = (null, false);
        while (!block.IsEmpty)
        {
            var end = block.IndexOf((byte)0);
            var argument = end < 0 ? block : block[..end];
            block = end < 0 ? [] : block[(end + 1)..];
            Write(argument);
            _output.Write("\0"u8);
        }
        return _output.WrittenSpan;
    }

    bool MaySpeakOfSecrets(ReadOnlySpan<byte> block)
    {
        if (_rules.AlwaysLook)
            return true;
        Span<char> text = stackalloc char[1024];
        while (!block.IsEmpty)
        {
            var take = Math.Min(block.Length, text.Length);
            Encoding.Latin1.GetChars(block[..take], text);
            if (_rules.MaySpeakOfSecrets(text[..take]))
                return true;
            // Overlap, so that a hint on the border is not cut in two.
            block = take == block.Length ? [] : block[(take - 24)..];
        }
        return false;
    }

    void Write(ReadOnlySpan<byte> argument)
    {
        if (_nextIsSecret)
        {
            _nextIsSecret = false;
            Redacted++;
            _output.Write("<secret>"u8);
            return;
        }
        // Latin-1 maps bytes to chars one to one, so invalid UTF-8 survives the way there and back.
        var text = _rules.Patterns.Replace(Encoding.Latin1.GetString(argument), CountedSecret);
        _text.Clear();
        var code = text.AsSpan().ContainsAny(" \t\n");
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var word = code ? WordOf(rest) : rest;
            WriteWord(word);
            rest = rest[word.Length..];
            var blank = rest.IndexOfAnyExcept(Blanks);
            blank = blank < 0 ? rest.Length : blank;
            _text.Append(rest[..blank]);
            rest = rest[blank..];
        }
        foreach (var chunk in _text.GetChunks())
            _output.Advance(Encoding.Latin1.GetBytes(chunk.Span, _output.GetSpan(chunk.Length)));
    }

    /// <summary>Up to the next blank outside quotes.</summary>
    static ReadOnlySpan<char> WordOf(ReadOnlySpan<char> text)
    {
        var quote = '\0';
        for (var i = 0; i < text.Length; i++)
        {
            if (quote != 0)
                quote = text[i] == quote ? '\0' : quote;
            else if (text[i] is '"' or '\'')
                quote = text[i];
            else if (Blanks.Contains(text[i]))
                return text[..i];
        }
        return text;
    }

    void WriteWord(ReadOnlySpan<char> word)
    {
        if (_nextIsSecret)
        {
            _nextIsSecret = false;
            Hide();
            return;
        }
        if (_command is not null && word is ['-', ..])
        {
            var joined = RedactionRules.JoinedAt(_command, word);
            if (joined != 0)
            {
                _nextIsSecret = joined < 0;
                _text.Append(joined < 0 ? word : word[..joined]);
                if (joined > 0)
                    Hide();
                return;
            }
        }
        _command = RedactionRules.CommandOf(word.Trim("'\"`$(){};|&")) ?? _command;
        if (word is ['-', ..] && word.IndexOfAny('=', ':') < 0 && _rules.IsTelling(word))
            _nextIsSecret = true;
        WriteValues(word);
    }

    /// <summary>Values after a telling name and "=" or ":" within one word: to its end, or to what ends them in a list.</summary>
    void WriteValues(ReadOnlySpan<char> word)
    {
        var from = 0;
        while (word[from..].IndexOfAny('=', ':') is >= 0 and var mark)
        {
            mark += from;
            var name = word[from..mark].TrimEnd("\"'");
            name = name[(name.LastIndexOfAnyExcept(NameCharacters) + 1)..];
            var start = mark + 1;
            if (!_rules.IsTelling(name))
            {
                _text.Append(word[from..start]);
                from = start;
                continue;
            }
            while (start < word.Length && word[start] is '"' or '\'' or ' ')
                start++;
            if (start == word.Length)
            {
                _nextIsSecret = true; // "X-Api-Key: value"
                break;
            }
            _text.Append(word[from..start]);
            var quoted = word[start - 1] is '"' or '\'' or ' ';
            // A flag or variable by itself has the whole rest as its value; in a list the value ends with its entry.
            var plain = !quoted && word[..mark].IndexOfAnyExcept(NameCharacters) < 0;
            var end = plain ? word.Length : word[start..].IndexOfAny(quoted ? Quotes : EndOfValue) is >= 0 and var n ? start + n : word.Length;
            Hide();
            from = end;
        }
        _text.Append(word[from..]);
    }

    void Hide()
    {
        Redacted++;
        _text.Append(Secret);
    }

    string CountedSecret(Match match)
    {
        Redacted++;
        var secret = match.Groups["secret"];
        return secret.Success
            ? string.Concat(match.ValueSpan[..(secret.Index - match.Index)], Secret, match.ValueSpan[(secret.Index + secret.Length - match.Index)..])
            : Secret;
    }

    static readonly SearchValues<char> Blanks = SearchValues.Create(" \t\r\n");
    static readonly SearchValues<char> Quotes = SearchValues.Create("\"'");
    static readonly SearchValues<char> EndOfValue = SearchValues.Create(";,&'\"}");
    static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
}
