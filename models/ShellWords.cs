namespace RuntimeGuard.Models;

/// <summary>
/// The commands a shell would run for a text: the first word of every simple command. A reading, not a shell: quotes and
/// expansions in command position stay as they are, so that what hides its name is new.
/// </summary>
static class ShellWords
{
    public const int Most = 8;

    /// <summary>Distinct command words in byte order; returns how many, and whether there were more.</summary>
    public static int Find(ReadOnlySpan<byte> code, Span<Range> words, out bool more)
    {
        more = false;
        var count = 0;
        var at = 0;
        var expected = true; // the next word is a command
        var skipNext = false; // the next word is a redirection's file
        var parentheses = 0ul; // open ones, innermost in bit 0; 1: opened within double quotes, which go on after it
        var quotedBacktick = false;
        while (at < code.Length)
        {
            var one = code[at];
            if (one == '#' && (at == 0 || code[at - 1] <= ' '))
            {
                var line = code[at..].IndexOf((byte)'\n');
                at = line < 0 ? code.Length : at + line;
            }
            else if ((one == ')' && (parentheses & 1) != 0) || (one == '`' && quotedBacktick))
            {
                if (one == ')')
                    parentheses >>= 1;
                else
                    quotedBacktick = false;
                at = QuotedEnd(code, at + 1, out var again);
                expected = Open(again, ref parentheses, ref quotedBacktick);
            }
            else if (one is (byte)'\n' or (byte)';' or (byte)'|' or (byte)'&' or (byte)'(' or (byte)')' or (byte)'`' or (byte)'{')
            {
                (expected, skipNext) = (true, false);
                parentheses = one == '(' ? parentheses << 1 : one == ')' ? parentheses >> 1 : parentheses;
                at++;
            }
            else if (one <= ' ' || one == '}')
            {
                at++;
            }
            else if (one is (byte)'<' or (byte)'>')
            {
                at++;
                if (at < code.Length && code[at] == '(') // process substitution
                    expected = true;
                else
                {
                    skipNext = true;
                    if (at < code.Length && code[at] == '&') // a descriptor, not a separator
                        at++;
                }
            }
            else
            {
                var end = WordEnd(code, at, out var opens);
                var word = code[at..end];
                if (skipNext)
                    skipNext = false;
                else if (expected && opens == Opening.None && !IsAssignment(word))
                    expected = Take(code, at..end, words, ref count, ref more);
                at = end;
                if (opens != Opening.None)
                    expected = Open(opens, ref parentheses, ref quotedBacktick);
            }
        }
        return count;
    }

    /// <summary>A substitution at the end of what was read: code of its own begins.</summary>
    enum Opening
    {
        None,
        Plain,
        Quoted,
        QuotedBacktick,
    }

    static bool Open(Opening opening, ref ulong parentheses, ref bool quotedBacktick)
    {
        if (opening is Opening.Plain or Opening.Quoted)
            parentheses = (parentheses << 1) | (opening == Opening.Quoted ? 1u : 0u);
        quotedBacktick |= opening == Opening.QuotedBacktick;
        return opening != Opening.None;
    }

    /// <summary>Adds a command; true when the next word is a command too.</summary>
    static bool Take(ReadOnlySpan<byte> code, Range range, Span<Range> words, ref int count, ref bool more)
    {
        var word = code[range];
        if (IsKeyword(word))
            return true;
        if (word.SequenceEqual("for"u8) || word.SequenceEqual("case"u8) || IsBuiltin(word))
            return false;
        var i = 0;
        for (; i < count; i++)
        {
            var order = code[words[i]].SequenceCompareTo(word);
            if (order == 0)
                return IsPrefix(word);
            if (order > 0)
                break;
        }
        if (count == words.Length)
        {
            more = true;
            return IsPrefix(word);
        }
        for (var j = count; j > i; j--)
            words[j] = words[j - 1];
        words[i] = range;
        count++;
        return IsPrefix(word);
    }

    static int WordEnd(ReadOnlySpan<byte> code, int at, out Opening opens)
    {
        opens = Opening.None;
        while (at < code.Length && opens == Opening.None)
        {
            var one = code[at];
            if (one == '\\')
            {
                at = Math.Min(at + 2, code.Length);
            }
            else if (one == '\'')
            {
                var close = code[(at + 1)..].IndexOf((byte)'\'');
                at = close < 0 ? code.Length : at + close + 2;
            }
            else if (one == '"')
            {
                at = QuotedEnd(code, at + 1, out opens);
            }
            else if (one == '$' && at + 1 < code.Length && code[at + 1] == '(')
            {
                opens = Opening.Plain;
                at += 2;
            }
            else if (one == '$' && at + 1 < code.Length && code[at + 1] == '{')
            {
                var close = code[at..].IndexOf((byte)'}');
                at = close < 0 ? code.Length : at + close + 1;
            }
            else if (one <= ' ' || one is (byte)';' or (byte)'|' or (byte)'&' or (byte)'(' or (byte)')' or (byte)'`'
                or (byte)'<' or (byte)'>' or (byte)'}')
            {
                break;
            }
            else
            {
                at++;
            }
        }
        return at;
    }

    /// <summary>From within double quotes to behind their end, or behind the opening of a substitution in them.</summary>
    static int QuotedEnd(ReadOnlySpan<byte> code, int at, out Opening opens)
    {
        opens = Opening.None;
        for (; at < code.Length && code[at] != '"'; at++)
        {
            if (code[at] == '`')
            {
                opens = Opening.QuotedBacktick;
                return at + 1;
            }
            if (code[at] == '$' && at + 1 < code.Length && code[at + 1] == '(')
            {
                opens = Opening.Quoted;
                return at + 2;
            }
            if (code[at] == '\\')
                at++;
        }
        return Math.Min(at + 1, code.Length);
    }

    static bool IsAssignment(ReadOnlySpan<byte> word)
    {
        var equals = word.IndexOf((byte)'=');
        if (equals < 1 || char.IsAsciiDigit((char)word[0]))
            return false;
        foreach (var one in word[..equals])
            if (!char.IsAsciiLetterOrDigit((char)one) && one != '_')
                return false;
        return true;
    }

    static bool IsKeyword(ReadOnlySpan<byte> word) =>
        word.SequenceEqual("if"u8) || word.SequenceEqual("then"u8) || word.SequenceEqual("else"u8)
        || word.SequenceEqual("elif"u8) || word.SequenceEqual("fi"u8) || word.SequenceEqual("while"u8)
        || word.SequenceEqual("until"u8) || word.SequenceEqual("do"u8) || word.SequenceEqual("done"u8)
        || word.SequenceEqual("esac"u8) || word.SequenceEqual("in"u8) || word.SequenceEqual("!"u8)
        || word.SequenceEqual("time"u8) || word.SequenceEqual("exec"u8) || word.SequenceEqual("command"u8);

    /// <summary>Commands that run their first argument.</summary>
    static bool IsPrefix(ReadOnlySpan<byte> word) =>
        word.SequenceEqual("env"u8) || word.SequenceEqual("nohup"u8) || word.SequenceEqual("setsid"u8)
        || word.SequenceEqual("sudo"u8) || word.SequenceEqual("xargs"u8) || word.SequenceEqual("busybox"u8)
        || word.EndsWith("/busybox"u8);

    static bool IsBuiltin(ReadOnlySpan<byte> word) => word.Length switch
    {
        1 => word[0] is (byte)':' or (byte)'[',
        2 => word.SequenceEqual("cd"u8) || word.SequenceEqual("[["u8),
        3 => word.SequenceEqual("set"u8),
        4 => word.SequenceEqual("echo"u8) || word.SequenceEqual("exit"u8) || word.SequenceEqual("test"u8)
            || word.SequenceEqual("true"u8) || word.SequenceEqual("read"u8) || word.SequenceEqual("trap"u8)
            || word.SequenceEqual("wait"u8),
        5 => word.SequenceEqual("false"u8) || word.SequenceEqual("shift"u8) || word.SequenceEqual("umask"u8)
            || word.SequenceEqual("unset"u8) || word.SequenceEqual("local"u8) || word.SequenceEqual("break"u8),
        6 => word.SequenceEqual("export"u8) || word.SequenceEqual("return"u8) || word.SequenceEqual("printf"u8),
        8 => word.SequenceEqual("continue"u8) || word.SequenceEqual("readonly"u8),
        _ => false,
    };
}
