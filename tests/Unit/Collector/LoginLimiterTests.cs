using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector.Access;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed class LoginLimiterTests
{
    readonly FakeTimeProvider _time = new();

    [Fact]
    public void Five_tries_then_one_every_twelve_seconds_by_user_and_by_address()
    {
        var limiter = new LoginLimiter(_time);
        for (var i = 0; i < 5; i++)
            Assert.Equal(TimeSpan.Zero, limiter.TryTake("user admin", $"address {i}"));

        Assert.Equal(TimeSpan.FromSeconds(12), limiter.TryTake("user admin", "address 6"));
        Assert.Equal(TimeSpan.Zero, limiter.TryTake("user other", "address 6"));
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.InRange(limiter.TryTake("user admin", "address 6").TotalSeconds, 0.9, 1.1);
        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(TimeSpan.Zero, limiter.TryTake("user admin", "address 6"));
        Assert.True(limiter.TryTake("user admin", "address 6") > TimeSpan.FromSeconds(11));
    }

    [Fact]
    public void A_right_password_gives_the_tries_back()
    {
        var limiter = new LoginLimiter(_time);
        for (var i = 0; i < 5; i++)
            limiter.TryTake("user admin");
        limiter.Succeeded("user admin");

        Assert.Equal(TimeSpan.Zero, limiter.TryTake("user admin"));
    }

    [Fact]
    public void Invented_names_fill_a_bounded_table_and_then_share_one_entry()
    {
        var limiter = new LoginLimiter(_time);
        for (var i = 0; i < 4096; i++)
            Assert.Equal(TimeSpan.Zero, limiter.TryTake($"user {i}"));
        Assert.True(Enumerable.Range(5000, 20).Count(i => limiter.TryTake($"user {i}") == TimeSpan.Zero) <= 5);

        // Once the old failures are forgotten there is room again.
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(TimeSpan.Zero, limiter.TryTake("user 6000"));
    }
}
