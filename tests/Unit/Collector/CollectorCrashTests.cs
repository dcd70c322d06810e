using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using RuntimeGuard.Collector;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Collector;

public sealed partial class CollectorCrashTests
{
    [GeneratedRegex(@"agents on 127\.0\.0\.1:(\d+) and people on 127\.0\.0\.1:(\d+)")]
    private static partial Regex Listening();

    static async Task<(System.Diagnostics.Process Process, int Agents, int People)> ServeAsync(DataDirectory data)
    {
        var process = System.Diagnostics.Process.Start(new ProcessStartInfo(ProductProgram.Find("runtimeguard-collector"),
            ["serve", "--data-dir", data.Root, "--agent-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"])
        {
            RedirectStandardOutput = true,
        })!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            if (Listening().Match(line) is { Success: true } match)
            {
                return (process, int.Parse(match.Groups[1].Value, null), int.Parse(match.Groups[2].Value, null));
            }
        }
        throw new InvalidOperationException("the collector ended before it listened");
    }

    [Fact]
    public async Task A_kill_loses_nothing_that_was_acked_and_stores_nothing_twice()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var agent = await collector.EnrolAsync("node-a");
        await collector.StopServerAsync();
        var (process, port, _) = await ServeAsync(collector.Data);
        using var channel = CollectorChannels.Agents(collector.CaPath, port, agent.Certificate);
        var now = CollectorItems.NowNs;
        ulong anomalies, records;
        await using (var stream = await WireStream.OpenAsync(channel, new Hello { Node = "node-a", SpoolId = 5 }))
        {
            for (var i = 0ul; i < 40; i++)
            {
                await stream.SendAsync(i + 1, CollectorItems.Anomaly());
                await stream.SendAsync(i + 1, CollectorItems.Exec("c0ffee", (int)i + 1, "/bin/x", now));
            }
            await stream.AckedAsync(Lane.Anomalies, 10);
            await stream.AckedAsync(Lane.Records, 1);
            process.Kill();
            (anomalies, records) = (stream.Acked(Lane.Anomalies), stream.Acked(Lane.Records));
        }
        await process.WaitForExitAsync();
        process.Dispose();

        await collector.StartServerAsync();
        await using var again = await agent.ConnectAsync(spool: 5);
        Assert.InRange(again.Welcome.AnomaliesCommitted, anomalies, 40ul);
        Assert.InRange(again.Welcome.RecordsCommitted, records, 40ul);
        for (var i = 0ul; i < 40; i++)
        {
            await again.SendAsync(i + 1, CollectorItems.Anomaly());
            await again.SendAsync(i + 1, CollectorItems.Exec("c0ffee", (int)i + 1, "/bin/x", now));
        }
        await again.AckedAsync(Lane.Anomalies, 40);
        await again.AckedAsync(Lane.Records, 40);

        var alert = Assert.Single((await new Alerts.AlertsClient(collector.Admin()).ListAsync(new ListAlertsRequest())).Alerts);
        Assert.Equal(40ul, alert.Count);
        var (rows, _) = await collector.AskAsync(new HistoryQuery { Kinds = { "exec" } });
        Assert.Equal(Enumerable.Range(1, 40), rows.Select(row => row.Process.Pid).Order());
        await collector.AskUntilAsync(new HistoryQuery { Kinds = { "anomaly" } }, found => found.Count == 40);
    }

    [Fact]
    public async Task A_damaged_day_is_moved_aside_and_every_answer_says_so()
    {
        await using var collector = await CollectorFixture.StartAsync();
        var agent = await collector.EnrolAsync("node-a");
        await using (var stream = await agent.ConnectAsync(spool: 5))
        {
            await stream.SendAsync(1, CollectorItems.Exec("c0ffee", 1, "/bin/x", CollectorItems.NowNs));
            await stream.AckedAsync(Lane.Records, 1);
        }
        await collector.StopServerAsync();
        var segment = Assert.Single(Directory.GetFiles(collector.Data.History, "*.duckdb"));
        await File.WriteAllTextAsync(segment, "this is no database");

        await collector.StartServerAsync();

        var (rows, end) = await collector.AskAsync(new HistoryQuery());
        Assert.Empty(rows);
        Assert.True(end.Partial);
        Assert.Contains(end.Coverage.Warnings, warning => warning.Contains("damaged", StringComparison.Ordinal));
        // What was acked to the lost day is not asked for again, and the lane goes on.
        await using var again = await agent.ConnectAsync(spool: 5);
        await again.SendAsync(2, CollectorItems.Exec("c0ffee", 2, "/bin/x", CollectorItems.NowNs));
        await again.AckedAsync(Lane.Records, 2);
        Assert.Single((await collector.AskAsync(new HistoryQuery())).Rows);
    }

    [Fact]
    public async Task A_damaged_newest_day_is_filled_again_and_the_older_days_are_not()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        long Now() => (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
        await using var collector = await CollectorFixture.StartAsync(time);
        var agent = await collector.EnrolAsync("node-a");
        async Task SendAsync(ulong first, int count)
        {
            await using var stream = await agent.ConnectAsync(spool: 5);
            await stream.SendAsync(first, [.. Enumerable.Range(0, count).Select(_ => CollectorItems.Anomaly(timeNs: Now() - 1))]);
            await stream.AckedAsync(Lane.Anomalies, first + (ulong)count - 1);
        }
        Task ExpectAsync(int count) => collector.AskUntilAsync(
            new HistoryQuery { Kinds = { "anomaly" }, FromUnixNs = 1 }, rows => rows.Count == count);
        await SendAsync(1, 4);
        await ExpectAsync(4);
        // A login and a certificate do not last that long.
        await collector.Server.Parts.State.WriteAsync(db => db.BearerTokens.ExecuteUpdateAsync(
            set => set.SetProperty(row => row.ExpiresUnixNs, long.MaxValue)), CancellationToken.None);
        time.Advance(TimeSpan.FromDays(1));
        agent = await collector.EnrolAsync("node-b");
        await SendAsync(1, 3);
        await ExpectAsync(7);
        await collector.StopServerAsync();
        var days = Directory.GetFiles(collector.Data.History, "*.duckdb").Order().ToList();
        Assert.Equal(2, days.Count);
        await File.WriteAllTextAsync(days[1], "this is no database");

        for (var restart = 0; restart < 3; restart++)
        {
            await collector.StartServerAsync();
            await SendAsync((ulong)(4 + restart), 1);
            await ExpectAsync(8 + restart);
            await collector.StopServerAsync();
        }
        await collector.StartServerAsync();
        await ExpectAsync(10);
    }
}
