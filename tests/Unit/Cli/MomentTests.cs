using RuntimeGuard.Cli;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class MomentTests
{
    const long Second = 1_000_000_000;

    static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    sealed class Clock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }

    [Theory]
    [InlineData("now", 0)]
    [InlineData("90s", 90)]
    [InlineData("15m", 15 * 60)]
    [InlineData("24h", 24 * 3600)]
    [InlineData("7d", 7 * 86400)]
    [InlineData("2026-03-01T11:59:00Z", 60)]
    [InlineData("2026-03-01T12:59:00+01:00", 60)]
    [InlineData("2026-03-01T11:59:59.5Z", 0.5)]
    [InlineData("2026-03-01 11:00:00", 3600)]
    [InlineData("2026-03-01", 12 * 3600)]
    public void A_time_is_a_point_or_a_span_before_now(string text, double secondsAgo) =>
        Assert.Equal(Moment.ToUnixNs(Now) - (long)(secondsAgo * Second), Moment.Parse(text, new Clock()));

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("-5m")]
    [InlineData("5")]
    [InlineData("5w")]
    [InlineData("99999999999999999999s")]
    [InlineData("9223372036854775807d")]
    [InlineData("2026-13-01T00:00:00Z")]
    [InlineData("12:00")]
    public void Anything_else_is_refused_with_examples(string text) =>
        Assert.Contains("write 2026-", Assert.Throws<FormatException>(() => Moment.Parse(text, new Clock())).Message);

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(-5, "0s")]
    [InlineData(59, "59s")]
    [InlineData(60, "1m")]
    [InlineData(61, "1m 1s")]
    [InlineData(86280, "23h 58m")]
    [InlineData(86400, "1d")]
    [InlineData(90000, "1d 1h")]
    public void A_span_is_told_in_its_two_largest_units(long seconds, string expected) =>
        Assert.Equal(expected, Moment.ShowSpan(seconds * Second));

    [Theory]
    [InlineData(0, "-")]
    [InlineData(long.MinValue, "-")]
    [InlineData(1_772_366_400 * Second, "2026-03-01 12:00:00Z")]
    [InlineData(long.MaxValue, "2262-04-11 23:47:16Z")]
    public void A_point_is_shown_in_utc(long unixNs, string expected) => Assert.Equal(expected, Moment.Show(unixNs));
}
