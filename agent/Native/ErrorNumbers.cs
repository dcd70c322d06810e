using Tmds.Linux;

namespace RuntimeGuard.Agent.Native;

/// <summary>The errno values other rooms tell apart.</summary>
static class ErrorNumbers
{
    public static int NoEntry => LibC.ENOENT;
}
