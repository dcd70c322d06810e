using System.Globalization;
using System.Text.Json;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>How the values of the wire are said to people and machines.</summary>
static class Words
{
    /// <summary>An enum of the wire as machines get it: <c>file_write</c>, <c>locked_by_hand</c>; a number when it is newer than us.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum =>
        Enum.IsDefined(value)
            ? JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString())
            : Convert.ToInt32(value, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);

    public static string Workload(Workload? workload) =>
        workload is null ? "-" : $"{SafeText.Of(workload.Namespace)}/{SafeText.Of(workload.Image)}";

    /// <summary>A behaviour's key as machines get it; empty when there is none.</summary>
    public static string Key(ulong key) => key == 0 ? "" : key.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Container ids are long and their first twelve digits tell them apart, as in every runtime's own tools.</summary>
    public static string ContainerId(string id) => SafeText.Of(id, 12).TrimEnd('…');

    /// <summary>A rate as a person reads it: two significant digits, never in powers of ten.</summary>
    public static string Number(double value) => value switch
    {
        double.NaN => "unknown",
        double.PositiveInfinity => "unbounded",
        <= 0 => "0",
        < 1e-9 => "less than 0.000000001",
        >= 1e9 => "more than a billion",
        >= 100 => Math.Round(value).ToString("0", CultureInfo.InvariantCulture),
        _ => RoundToTwoDigits(value).ToString("0.###########", CultureInfo.InvariantCulture),
    };

    static decimal RoundToTwoDigits(double value) =>
        Math.Round((decimal)value, Math.Clamp(1 - (int)Math.Floor(Math.Log10(value)), 0, 11));

    /// <summary>Null when the model's clock is the wall clock.</summary>
    public static string? TimeScale(double scale) => scale is 1 or 0
        ? null
        : $"time scale x{Number(scale)}: the models' clock runs {Number(scale)} times faster than the wall clock (tests and demo only)";

    /// <summary>MITRE's page of a technique, or nothing when the id is not of its form.</summary>
    public static string TechniqueAddress(string technique) =>
        technique.Length is >= 5 and <= 10 && technique[0] == 'T' && technique.Skip(1).All(c => char.IsAsciiDigit(c) || c == '.')
            ? $"https://attack.mitre.org/techniques/{technique.Replace('.', '/')}/"
            : "";
}
