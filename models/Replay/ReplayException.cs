namespace RuntimeGuard.Models.Replay;

/// <summary>A recording, a line or an option that cannot be used: what is wrong, where, and what to do about it.</summary>
/// <param name="where">"line 12", "block at byte 4096", or empty.</param>
public sealed class ReplayException(string where, string problem, string remedy, Exception? cause = null)
    : Exception(where.Length > 0 ? $"{where}: {problem}" : problem, cause)
{
    public string Remedy => remedy;
}
