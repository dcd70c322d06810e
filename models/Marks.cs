using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Json;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>One risk mark inside a class.</summary>
/// <param name="Benign">p: its prior share of benign novelties.</param>
/// <param name="Attack">q1: its share of attack steps, fixed before any evaluation.</param>
sealed record Mark(string Name, double Benign, double Attack, string Technique, bool HighRisk);

/// <summary>A behaviour class as scored: its share of the alert budget, its bound on novelties and its marks.</summary>
sealed record ClassMarks(BehaviourClass Class, string Name, double Weight, double Beta, bool Strict, Mark[] Marks)
{
    public int IndexOf(string mark) => Array.FindIndex(Marks, m => m.Name == mark);
}

/// <summary>
/// The scoring data of marks.json. A first judgement, kept in one file so that every report can name exactly what it was
/// made with (<see cref="DataHash"/>).
/// </summary>
public static class Marks
{
    static readonly ClassMarks?[] Classes = new ClassMarks?[Enum.GetValues<BehaviourClass>().Length];

    static Marks()
    {
        using var stream = typeof(Marks).Assembly.GetManifestResourceStream("marks.json")
            ?? throw new InvalidOperationException("marks.json is missing from the assembly; rebuild models");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        DataHash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        using var document = JsonDocument.Parse(bytes);
        var root = document.RootElement;
        AlphaNow = root.GetProperty("alpha_now").GetDouble();
        GreyCeiling = root.GetProperty("grey_ceiling").GetDouble();
        Shrink = root.GetProperty("shrink").GetDouble();
        GreyShare = root.GetProperty("alpha_grey").GetDouble() / AlphaNow;
        VolumeShare = root.GetProperty("alpha_volume").GetDouble() / AlphaNow;
        foreach (var entry in root.GetProperty("classes").EnumerateArray())
        {
            var read = ReadClass(entry);
            Classes[(int)read.Class] = read;
        }
        All = [.. Classes.OfType<ClassMarks>()];
        Tools = root.GetProperty("tools").EnumerateObject()
            .SelectMany(kind => kind.Value.EnumerateArray().Select(name => (name.GetString()!, kind.Name)))
            .ToFrozenDictionary(pair => pair.Item1, pair => pair.Name);
        MultiCall = root.GetProperty("multi_call").EnumerateArray().Select(name => name.GetString()!).ToFrozenSet();
        InlineCode = root.GetProperty("inline_code").EnumerateObject()
            .ToFrozenDictionary(option => option.Name, option => option.Value.GetString()!);
    }

    /// <summary>SHA-256 of marks.json, hexadecimal.</summary>
    public static string DataHash { get; }

    /// <summary>An E-value at or below this alerts by itself; benign occurrences per container-day.</summary>
    public static double AlphaNow { get; }

    /// <summary>An E-value above this is learned at once while learning.</summary>
    public static double GreyCeiling { get; }

    /// <summary>What grey incidents, and volumes, may cost of false alarms against single events.</summary>
    internal static double GreyShare { get; }

    internal static double VolumeShare { get; }

    internal static double Shrink { get; }

    /// <summary>Command name to kind of tool, as spelled in marks.json.</summary>
    internal static FrozenDictionary<string, string> Tools { get; }

    internal static FrozenSet<string> MultiCall { get; }

    /// <summary>Command name (or "shell") to the option letters whose next argument is code.</summary>
    internal static FrozenDictionary<string, string> InlineCode { get; }

    internal static ClassMarks Of(BehaviourClass behaviourClass) => Classes[(int)behaviourClass]
        ?? throw new ArgumentOutOfRangeException(nameof(behaviourClass), behaviourClass, "marks.json has no such class");

    internal static ClassMarks[] All { get; }

    static ClassMarks ReadClass(JsonElement entry) => new(
        ClassNamed(entry.GetProperty("class").GetString()!),
        entry.GetProperty("name").GetString()!,
        entry.GetProperty("weight").GetDouble(),
        entry.GetProperty("beta").GetDouble(),
        entry.TryGetProperty("strict", out var strict) && strict.GetBoolean(),
        [.. entry.GetProperty("marks").EnumerateArray().Select(mark => new Mark(
            mark.GetProperty("name").GetString()!,
            mark.GetProperty("p").GetDouble(),
            mark.GetProperty("q1").GetDouble(),
            mark.GetProperty("technique").GetString()!,
            mark.TryGetProperty("high_risk", out var risk) && risk.GetBoolean()))]);

    static BehaviourClass ClassNamed(string name) => name switch
    {
        "BEHAVIOUR_CLASS_EXEC" => BehaviourClass.Exec,
        "BEHAVIOUR_CLASS_FILE_WRITE" => BehaviourClass.FileWrite,
        "BEHAVIOUR_CLASS_SENS_READ" => BehaviourClass.SensRead,
        "BEHAVIOUR_CLASS_PERM" => BehaviourClass.Perm,
        "BEHAVIOUR_CLASS_REMOVE" => BehaviourClass.Remove,
        "BEHAVIOUR_CLASS_NET_OUT" => BehaviourClass.NetOut,
        "BEHAVIOUR_CLASS_NET_IN" => BehaviourClass.NetIn,
        "BEHAVIOUR_CLASS_DNS" => BehaviourClass.Dns,
        _ => throw new InvalidDataException($"marks.json names an unknown class '{name}'"),
    };
}
