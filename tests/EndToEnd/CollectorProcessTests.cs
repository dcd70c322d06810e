using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.EndToEnd;

[Trait("Category", "EndToEnd")]
public sealed class CollectorProcessTests
{
    [Fact]
    public async Task A_killed_collector_is_itself_again()
    {
        await using var product = await Installation.StartAsync("unix:///run/none.sock");
        var before = await product.AskAsync("whoami");
        await product.KillCollectorAsync();
        var away = await product.RgctlAsync("whoami");
        Assert.Equal(5, away.ExitCode);
        Assert.NotEmpty(away.Error);

        product.StartCollector();
        await product.AnswersAsync();

        // The login of before still holds: certificates, users and tokens outlived the process.
        Assert.Equal(before.ToString(), (await product.AskAsync("whoami")).ToString());
        Assert.Empty((await product.AskAsync("alerts", "list")).GetProperty("alerts").EnumerateArray());
        product.MustRun();
    }
}
