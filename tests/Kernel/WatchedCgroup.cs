using System.Diagnostics;
using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

/// <summary>A cgroup made while the sensor watches, a directory for files, and real processes inside.</summary>
sealed class WatchedCgroup : IDisposable
{
    const string Python = "/usr/bin/python3";
    readonly KernelSensor _owner;

    public WatchedCgroup(KernelSensor owner)
    {
        _owner = owner;
        string name = $"rg-test-{Guid.NewGuid():N}";
        Path = System.IO.Path.Combine(owner.Root, name);
        owner.Take();
        System.IO.Directory.CreateDirectory(Path);
        Slot = owner.Take().Single(e => e.Kind == EventKinds.CgroupMkdir && e.Path.EndsWith(name, StringComparison.Ordinal))
            .Header.Slot;
        Assert.NotEqual(0u, Slot);
        Directory = System.IO.Directory.CreateTempSubdirectory("rg-kernel-").FullName;
    }

    public string Path { get; }

    public string Directory { get; }

    public uint Slot { get; }

    /// <summary>Runs the program to its end inside the cgroup; what was seen of this slot, and what it printed.</summary>
    public async Task<Seen> Run(string program, params string[] arguments)
    {
        if (!File.Exists(program))
            throw new FileNotFoundException($"{program} is needed by the kernel tests; install its package", program);
        var start = new ProcessStartInfo("/bin/sh",
            ["-c", $"echo $$ > {Path}/cgroup.procs; exec \"$@\"", "sh", program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Directory,
        };
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string printed = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", await errors);
        var all = await _owner.UntilExitOf(child.Id);
        return new Seen((uint)child.Id, [.. all.Where(e => e.Header.Slot == Slot)], all, printed.Trim());
    }

    /// <summary>A Python program: a call per line, the exact ones a test wants and no more.</summary>
    public Task<Seen> RunPython(string code, params string[] arguments) =>
        Run(Python, ["-I", "-S", "-c", code, .. arguments]);

    public string Name(string name) => System.IO.Path.Combine(Directory, name);

    public void Dispose()
    {
        System.IO.Directory.Delete(Path);
        // .NET cannot name, and so not remove, a file whose name is not UTF-8.
        using var remove = Process.Start("/bin/rm", ["-rf", "--", Directory]);
        remove.WaitForExit();
    }
}

/// <summary>What a watched process did, in the order of each ring; All has the other slots' events too.</summary>
sealed record Seen(uint Pid, IReadOnlyList<SeenEvent> Events, IReadOnlyList<SeenEvent> All, string Printed)
{
    public SeenEvent One(EventKinds kind, string path) => Assert.Single(Events, e => e.Kind == kind && e.Path == path);

    public SeenEvent One(EventKinds kind) => Assert.Single(Events, e => e.Kind == kind);
}
