namespace RuntimeGuard.Cli;

/// <summary>What rgctl's exit status tells a script.</summary>
enum ExitCode
{
    Ok = 0,
    /// <summary>The collector could not do it, or something unexpected happened.</summary>
    Error = 1,
    Usage = 2,
    /// <summary>Not logged in, or not allowed to.</summary>
    Denied = 3,
    NotFound = 4,
    /// <summary>No collector answered, or the one that did is not the one trusted at login.</summary>
    Unreachable = 5,
}

/// <summary>An end of a command that is told in one line: what went wrong, and what to do about it.</summary>
sealed class Failure(ExitCode code, string message, string remedy = "") : Exception(message)
{
    public ExitCode Code => code;

    public string Remedy => remedy;
}
