using System.Text;

namespace RuntimeGuard.Models;

enum ToolKind
{
    ImageBinary,
    Shell,
    Interpreter,
    Discovery,
    NetTool,
    Compiler,
    PackageManager,
    Escape,
}

/// <summary>What kind of program a command name is; level 3 of an exec.</summary>
static class Tools
{
    const int LongestName = 32;

    public static ReadOnlySpan<byte> BaseName(ReadOnlySpan<byte> path) => path[(path.LastIndexOf((byte)'/') + 1)..];

    /// <summary>One file that is many commands, chosen by argv[0].</summary>
    public static bool IsMultiCall(ReadOnlySpan<byte> path) => Listed(BaseName(path), static name =>
        Marks.MultiCall.GetAlternateLookup<ReadOnlySpan<char>>().Contains(name));

    public static ToolKind KindOf(ReadOnlySpan<byte> command)
    {
        Span<char> name = stackalloc char[LongestName];
        if (!TryName(command, name, out var length))
            return ToolKind.ImageBinary;
        return Marks.Tools.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(Unversioned(name[..length]), out var kind)
            || Marks.Tools.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name[..length], out kind)
            ? Kind(kind) : ToolKind.ImageBinary;
    }

    /// <summary>Is this argument the option of the command whose next argument is code (sh -c, -lc, perl -e)?</summary>
    public static bool TakesCode(ReadOnlySpan<byte> command, ToolKind kind, ReadOnlySpan<byte> argument)
    {
        if (kind is not (ToolKind.Shell or ToolKind.Interpreter) || argument.Length < 2 || argument[0] != '-'
            || argument[1] == '-')
            return false;
        if (kind == ToolKind.Shell)
            return argument.Contains((byte)'c');
        Span<char> name = stackalloc char[LongestName];
        return TryName(command, name, out var length)
            && Marks.InlineCode.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(Unversioned(name[..length]), out var letters)
            && letters.Contains((char)argument[^1], StringComparison.Ordinal);
    }

    static bool Listed(ReadOnlySpan<byte> command, Func<ReadOnlySpan<char>, bool> lookup)
    {
        Span<char> name = stackalloc char[LongestName];
        return TryName(command, name, out var length) && lookup(name[..length]);
    }

    static bool TryName(ReadOnlySpan<byte> command, Span<char> name, out int length)
    {
        length = 0;
        if (command is [(byte)'-', ..]) // a login shell
            command = command[1..];
        return command.Length <= LongestName && Ascii.ToUtf16(command, name, out length) == System.Buffers.OperationStatus.Done;
    }

    /// <summary>python3.11, perl5.36.0, php8.2: the language without its version.</summary>
    static ReadOnlySpan<char> Unversioned(ReadOnlySpan<char> name)
    {
        var end = name.Length;
        while (end > 1 && (char.IsAsciiDigit(name[end - 1]) || name[end - 1] == '.'))
            end--;
        return name[..end];
    }

    static ToolKind Kind(string name) => name switch
    {
        "shell" => ToolKind.Shell,
        "interpreter" => ToolKind.Interpreter,
        "discovery" => ToolKind.Discovery,
        "net_tool" => ToolKind.NetTool,
        "compiler" => ToolKind.Compiler,
        "package_manager" => ToolKind.PackageManager,
        "escape" => ToolKind.Escape,
        _ => throw new InvalidDataException($"marks.json names an unknown kind of tool '{name}'"),
    };

    public static ReadOnlySpan<byte> Name(ToolKind kind) => kind switch
    {
        ToolKind.Shell => "shell"u8,
        ToolKind.Interpreter => "interpreter"u8,
        ToolKind.Discovery => "discovery tool"u8,
        ToolKind.NetTool => "network tool"u8,
        ToolKind.Compiler => "compiler"u8,
        ToolKind.PackageManager => "package manager"u8,
        ToolKind.Escape => "container escape tool"u8,
        _ => "image binary"u8,
    };
}
