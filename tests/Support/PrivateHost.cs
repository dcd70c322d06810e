using System.Diagnostics;
using System.Globalization;

namespace RuntimeGuard.Tests.Support;

/// <summary>
/// A mount namespace with the folders an installation writes to laid over by empty ones, kept by a sleeping process of its
/// own: as a host nobody has installed anything on. Everything else, the kernel and the network, is this host's.
/// </summary>
public sealed class PrivateHost : IAsyncDisposable
{
    // An empty /run says that no systemd runs and no container runtime listens.
    const string LayOver = """
        set -e
        mount -t tmpfs tmpfs /mnt
        for folder in etc opt usr/local var/log var/lib; do
          mkdir -p /mnt/$folder.upper /mnt/$folder.work
          mount -t overlay overlay -o lowerdir=/$folder,upperdir=/mnt/$folder.upper,workdir=/mnt/$folder.work /$folder
        done
        rm -rf /etc/runtimeguard /opt/runtimeguard /var/log/runtimeguard /var/lib/runtimeguard /usr/local/bin/rgctl
        rm -f /etc/systemd/system/runtimeguard-*.service
        # Renamed, not removed: its number may be in use by processes outside.
        sed -i s/^runtimeguard:/runtimeguard-outside:/ /etc/passwd /etc/shadow /etc/group /etc/gshadow
        mount -t tmpfs -o mode=0755 tmpfs /run
        echo ready
        exec sleep infinity
        """;

    Process? _keeper;

    public IReadOnlyList<string> Enter => ["--target", _keeper!.Id.ToString(CultureInfo.InvariantCulture), "--mount", "--"];

    public async Task StartAsync()
    {
        if (!Environment.IsPrivilegedProcess)
            throw new InvalidOperationException("installing needs root: sudo tests/run");
        _keeper = Process.Start(new ProcessStartInfo("unshare", ["--mount", "--propagation", "private", "sh", "-c", LayOver])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        if (await _keeper.StandardOutput.ReadLineAsync() != "ready")
            throw new InvalidOperationException($"no private host: {await _keeper.StandardError.ReadToEndAsync()}");
    }

    public Task<CommandResult> RunAsync(string program, params string[] arguments) =>
        Command.RunAsync("nsenter", [.. Enter, program, .. arguments]);

    /// <summary>Does this process (a folder of /proc) run in it?</summary>
    public bool Holds(string process) =>
        new FileInfo($"{process}/ns/mnt").LinkTarget == new FileInfo($"/proc/{_keeper!.Id}/ns/mnt").LinkTarget;

    public async ValueTask DisposeAsync()
    {
        if (_keeper is null)
            return;
        _keeper.Kill();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
    }
}
