namespace RuntimeGuard.Collector.Gateway;

/// <summary>One lane of one spool of one node: what a sequence number is unique in.</summary>
readonly record struct LaneKey(string Node, ulong SpoolId);

/// <summary>What is durable of a lane: everything up to Seq.</summary>
/// <param name="Seq">Never sent again to be stored.</param>
/// <param name="Exact">False when later numbers may have been durable too and were lost: then the next batch may leave a hole.</param>
readonly record struct LaneMark(ulong Seq, bool Exact);

/// <summary>A batch that cannot follow what is committed. The message is for the agent's log.</summary>
sealed class LaneSequenceException(string message, bool isHole) : Exception(message)
{
    /// <summary>Numbers are missing before it; else its own make no sense.</summary>
    public bool IsHole => isHole;
}

/// <summary>Where a batch lies against what is committed already.</summary>
static class LaneSequence
{
    /// <summary>
    /// How many of the batch's items are repeats. A spool never heard of may begin anywhere (its beginning may have
    /// been acknowledged to a store that is gone); a known one has no holes unless its mark is inexact.
    /// </summary>
    /// <remarks><paramref name="committed"/> is null when the spool is new.</remarks>
    /// <exception cref="LaneSequenceException">The batch is empty, numbered from 0 or leaves a hole.</exception>
    public static int Repeats(LaneMark? committed, ulong firstSeq, int count)
    {
        if (count == 0 || firstSeq == 0 || firstSeq > long.MaxValue - (ulong)count)
        {
            throw new LaneSequenceException(
                $"batch of {count} items from sequence number {firstSeq}: at least one item, numbered from 1, is expected", isHole: false);
        }
        if (committed is not { Seq: var last, Exact: var exact })
        {
            return 0;
        }
        if (firstSeq > last + 1)
        {
            if (!exact)
            {
                return 0;
            }
            throw new LaneSequenceException(
                $"batch begins at {firstSeq}, but {last + 1} is next; reconnect and resend from what Welcome names", isHole: true);
        }
        return (int)Math.Min((ulong)count, last + 1 - firstSeq);
    }
}
