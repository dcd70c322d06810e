using Grpc.Core;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Support;

static class HistoryReads
{
    /// <summary>All rows of the answer and its end.</summary>
    public static async Task<(List<HistoryRow> Rows, HistoryEnd End)> AskAsync(this CollectorFixture collector, HistoryQuery query)
    {
        var rows = new List<HistoryRow>();
        HistoryEnd? end = null;
        using var call = new History.HistoryClient(collector.Admin()).Query(query);
        await foreach (var answer in call.ResponseStream.ReadAllAsync())
        {
            if (answer.PartCase == HistoryAnswer.PartOneofCase.End)
            {
                end = answer.End;
            }
            else
            {
                Assert.Null(end);
                rows.Add(answer.Row);
            }
        }
        Assert.NotNull(end);
        return (rows, end);
    }

    /// <summary>Asks until the answer is as wanted; fails after a while with the last answer.</summary>
    public static async Task<List<HistoryRow>> AskUntilAsync(
        this CollectorFixture collector, HistoryQuery query, Func<List<HistoryRow>, bool> wanted)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(20);
        while (true)
        {
            var (rows, _) = await collector.AskAsync(query);
            if (wanted(rows) || DateTime.UtcNow > deadline)
            {
                Assert.True(wanted(rows), $"history answered {rows.Count} rows: {string.Join("; ", rows.Take(5))}");
                return rows;
            }
            await Task.Delay(50);
        }
    }
}
