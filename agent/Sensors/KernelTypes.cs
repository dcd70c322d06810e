namespace RuntimeGuard.Agent.Sensors;

/// <summary>What the kernel says of its own types (BTF) beyond what every program needs.</summary>
static class KernelTypes
{
    const string Kernel = "/sys/kernel/btf/vmlinux";
    const string Overlay = "/sys/kernel/btf/overlay";

    /// <summary>
    /// Why exec cannot tell what an overlay file system has above the image, or null when it can: its inode's layout is
    /// known at load only, from the kernel's types or from its module's.
    /// </summary>
    public static string? WhyNoOverlay()
    {
        if (File.Exists(Overlay))
            return null;
        try
        {
            return File.ReadAllBytes(Kernel).AsSpan().IndexOf("\0ovl_inode\0"u8) >= 0
                ? null
                : "overlayfs is a module that was not loaded when the agent started: modprobe overlay and restart the agent";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{Kernel}: {e.Message}";
        }
    }
}
