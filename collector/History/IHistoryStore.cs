using RuntimeGuard.Collector.Gateway;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History;

/// <summary>
/// Append-only history. Implementations keep, in the same durable transaction as the rows, the watermark of the lane
/// the rows came by. Thread-safe.
/// </summary>
interface IHistoryStore : IAsyncDisposable
{
    /// <summary>What is durable of the lane; null when the store never heard of its spool.</summary>
    LaneMark? Committed(LaneKey key);

    /// <summary>
    /// Queues a batch; waits while the queue is full. The inner task completes after the durable commit with the
    /// highest committed number, or fails with <see cref="LaneSequenceException"/> or <see cref="HistoryException"/>.
    /// Batches of one caller commit in the order they were queued.
    /// </summary>
    ValueTask<Task<ulong>> AppendAsync(HistoryBatch batch, CancellationToken cancellation);

    /// <summary>One page of rows, newest first.</summary>
    Task<HistoryPage> QueryAsync(HistoryFilter filter, CancellationToken cancellation);

    /// <summary>
    /// Every coverage and gap row that touches the range, of one node or (empty) of all, in no order and without a limit;
    /// <paramref name="take"/> is called by one thread at a time.
    /// </summary>
    Task ReadCoverageAsync(long fromUnixNs, long toUnixNs, string node, Action<CoverageRow> take, CancellationToken cancellation);

    /// <summary>
    /// What the containers of one workload did in the range, summed by behaviour, version and container: activity, and the
    /// anomalies of what no activity was kept of. In no order; <paramref name="take"/> is called by one thread at a time.
    /// </summary>
    /// <returns>False when there are more than <paramref name="limit"/> sums: the rest was not handed out.</returns>
    Task<bool> ReadBehavioursAsync(HistoryRange range, int limit, Action<BehaviourRow> take, CancellationToken cancellation);

    /// <summary>Removes what is beyond the bounds of age and bytes, and seals what is written no more.</summary>
    Task<RetentionReport> EnforceAsync(TimeSpan age, long bytes, CancellationToken cancellation);

    StoreHealth Health { get; }
}

/// <summary>The store could not commit or answer; nothing of the batch was kept. The message says what and the remedy.</summary>
sealed class HistoryException(string message, Exception cause) : Exception(message, cause);

/// <summary>Items FirstSeq .. LastSeq of one lane. An item that was rejected is null: numbered, not stored.</summary>
sealed record HistoryBatch(LaneKey Key, ulong FirstSeq, ulong LastSeq, IReadOnlyList<HistoryItem?> Items);

/// <summary>Rows and, when there may be more, the cursor after the last.</summary>
sealed record HistoryPage(IReadOnlyList<HistoryRow> Rows, HistoryCursor? Next);

/// <summary>One report of what was watched, or one gap, in Unix nanoseconds.</summary>
/// <param name="Node">Who reported it.</param>
/// <param name="Kind">Coverage or Gap.</param>
/// <param name="FromUnixNs">When it begins.</param>
/// <param name="ToUnixNs">When it ends.</param>
/// <param name="Blind">Nothing was watched.</param>
/// <param name="WholeNode">Of the whole node, not of one container.</param>
/// <param name="Message">JSON of the whole message; empty when it says no more than the other fields.</param>
readonly record struct CoverageRow(
    string Node, HistoryKind Kind, long FromUnixNs, long ToUnixNs, bool Blind, bool WholeNode, string Message);

/// <summary>One workload's part of history: what began from one time up to another, in Unix nanoseconds.</summary>
sealed record HistoryRange(string Namespace, string Image, long FromUnixNs, long ToUnixNs);

/// <summary>How often one container of one version did one behaviour; times in Unix nanoseconds.</summary>
sealed record BehaviourRow
{
    public required BehaviourClass Class { get; init; }
    /// <summary>"actor -> object".</summary>
    public required string Behaviour { get; init; }
    public required string Tag { get; init; }
    public required string Digest { get; init; }
    public required string Container { get; init; }
    /// <summary>The earliest, as it was seen, and the node that saw it.</summary>
    public required string Example { get; init; }
    public required string Node { get; init; }
    public required ulong Count { get; init; }
    public required long FirstUnixNs { get; init; }
    public required long LastUnixNs { get; init; }
}

/// <summary>The last row given: rows are ordered by time and id, both falling.</summary>
readonly record struct HistoryCursor(long TimeUnixNs, long Id);

sealed record RetentionReport(int SegmentsRemoved, long BytesRemoved);

/// <param name="Bytes">On disk.</param>
/// <param name="Warnings">What every answer must warn of.</param>
/// <param name="Failure">Why the last commit failed; null when it did not.</param>
sealed record StoreHealth(long Bytes, IReadOnlyList<string> Warnings, string? Failure);
