using System.Runtime.InteropServices;

namespace RuntimeGuard.Agent.Native;

/// <summary>A native call that failed: which, why, and what to do about it.</summary>
sealed class NativeException(string function, int errno, string remedy)
    : Exception($"{function} failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}); {remedy}")
{
    public string Function { get; } = function;

    public int Errno { get; } = errno;
}
