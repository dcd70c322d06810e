using Grpc.Core;
using RuntimeGuard.Collector;
using RuntimeGuard.Collector.Commands;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class UserCommandTests
{
    [Fact]
    public async Task A_lost_password_is_replaced_and_every_login_ends()
    {
        await using var collector = await CollectorFixture.StartAsync();
        using var output = new StringWriter();
        Assert.Equal(0, await UserCommand.ResetAsync(collector.Data, "admin", output, CancellationToken.None));
        var password = output.ToString().Split("(shown once): ")[1].Trim();

        var access = new Access.AccessClient(collector.Admin());
        Assert.Equal(StatusCode.Unauthenticated,
            (await Assert.ThrowsAsync<RpcException>(async () => await access.WhoAmIAsync(new WhoAmIRequest()))).StatusCode);
        await Assert.ThrowsAsync<RpcException>(() => collector.LoginAsync("admin", collector.AdminPassword));
        Assert.NotEmpty((await collector.LoginAsync("admin", password)).Token);
    }

    [Fact]
    public async Task A_user_who_is_not_there_is_named()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var error = await Assert.ThrowsAsync<CollectorException>(() =>
            UserCommand.ResetAsync(collector.Data, "nobody", TextWriter.Null, CancellationToken.None));
        Assert.Contains("nobody", error.Message, StringComparison.Ordinal);
    }
}
