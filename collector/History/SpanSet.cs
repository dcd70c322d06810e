namespace RuntimeGuard.Collector.History;

/// <summary>
/// A union of spans of time, Unix nanoseconds, kept merged: spans that come nearly in order, as reports of one node do,
/// cost no more than the gaps between them. One thread.
/// </summary>
sealed class SpanSet
{
    // Disjoint and in order; none touches the next.
    readonly List<(long From, long To)> _spans = [];

    public int Count => _spans.Count;

    public void Add(long from, long to)
    {
        if (to <= from)
        {
            return;
        }
        // The first that ends at or after the new one's beginning: it and those behind it may be swallowed.
        var first = Find(from);
        var last = first;
        while (last < _spans.Count && _spans[last].From <= to)
        {
            (from, to) = (Math.Min(from, _spans[last].From), Math.Max(to, _spans[last].To));
            last++;
        }
        if (last == first)
        {
            _spans.Insert(first, (from, to));
            return;
        }
        _spans[first] = (from, to);
        _spans.RemoveRange(first + 1, last - first - 1);
    }

    public void Add(SpanSet other)
    {
        foreach (var (from, to) in other._spans)
        {
            Add(from, to);
        }
    }

    /// <summary>How much of the range it covers.</summary>
    public long Within(long from, long to) =>
        _spans.Sum(span => Math.Max(0, Math.Min(span.To, to) - Math.Max(span.From, from)));

    int Find(long from)
    {
        var (low, high) = (0, _spans.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_spans[middle].To < from)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low;
    }
}
