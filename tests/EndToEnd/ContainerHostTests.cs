using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

[Trait("Category", "EndToEnd")]
public sealed class ContainerHostTests
{
    [Fact]
    public async Task What_a_killed_run_left_is_cleared_by_the_next()
    {
        await using var host = await ContainerHost.StartAsync();
        var port = ShopClient.FreePort();
        await host.RunPodAsync(new("shop", TestImages.Shop, "/usr/bin/shopd", $"{port}"));
        await host.RunPlainAsync(TestImages.Shop, "/bin/sleep", "600");
        await ShopClient.ReadyAsync(port);
        // As if its owner were gone: no living process has our pid and this start.
        await File.WriteAllTextAsync(Path.Combine(host.DirectoryPath, "owner"), $"{Environment.ProcessId} 0");

        await BedRemains.ClearAsync();

        Assert.False(Directory.Exists(host.DirectoryPath));
        Assert.DoesNotContain(host.DirectoryPath, await File.ReadAllTextAsync("/proc/self/mounts"));
        Assert.DoesNotContain(Directory.EnumerateDirectories("/sys/fs/cgroup"), h =>
            Directory.Exists($"{h}{host.PodCgroup}") || Directory.Exists($"{h}/{host.PlainNamespace}"));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => ShopClient.GetAsync(port, "/"));
    }
}
