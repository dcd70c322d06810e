using System.Diagnostics;
using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class SnapshotTests(KernelSensor kernel)
{
    /// <summary>By it the runtime that sets a container up is told from the workload, whose mounts would all be escapes.</summary>
    [Fact]
    public void The_hosts_own_namespaces_are_known()
    {
        Assert.NotEqual(0u, ProcfsSensor.HostMountNamespace);
        Assert.NotEqual(0u, ProcfsSensor.HostNetworkNamespace);
    }

    [Theory]
    [InlineData("l = s.socket(); l.bind(('127.0.0.1', 0)); l.listen(3)", true)]
    [InlineData("l = s.socket(s.AF_UNIX); l.bind('sock'); l.listen(3)", true)]
    [InlineData("c = s.socket(); c.bind(('127.0.0.1', 0))", false)]
    public async Task A_process_that_was_there_is_told_with_what_it_is(string code, bool serves)
    {
        using var cgroup = kernel.Watch();
        using var child = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", $"echo $$ > {cgroup.Path}/cgroup.procs; cd {cgroup.Directory}; exec /usr/bin/python3 -I -S -c \"$1\"", "sh",
                $"import socket as s, time\n{code}\nprint('ready', flush=True)\ntime.sleep(60)"])
        {
            RedirectStandardOutput = true,
        })!;
        try
        {
            Assert.Equal("ready", await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
            var seen = new List<SeenEvent>();
            var (cgroups, processes) = new ProcfsSensor().Snapshot(sample => seen.Add(SeenEvent.Read(sample)));
            Assert.True(cgroups > 0 && processes > 0);
            var told = Assert.Single(seen, e => e.Kind == EventKinds.Exec && e.Header.Pid == child.Id);
            Assert.True(told.Has(EventFlagBits.Snapshot));
            Assert.Equal(serves, told.Has(EventFlagBits.Served));
            Assert.Contains("python3", told.Path, StringComparison.Ordinal);
        }
        finally
        {
            child.Kill();
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            await kernel.UntilExitOf(child.Id);
        }
    }
}
