using Tmds.Linux;

namespace RuntimeGuard.Agent.Native;

/// <summary>The errno values other rooms tell apart.</summary>
static class ErrorNumbers
{
    public static int NoEntry => LibC.ENOENT;

    /// <summary>What a full BPF hash or queue answers.</summary>
    public static int TooBig => LibC.E2BIG;
}
