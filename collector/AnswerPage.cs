namespace RuntimeGuard.Collector;

/// <summary>
/// One page of an answer, filled until its count or its bytes are reached. A page holds at least one item: an item's own
/// bound and that of the page together are below the limit of a message.
/// </summary>
sealed class AnswerPage<T>(int limit, Func<T, int> bytesOf)
{
    /// <summary>A message may have 16 MB; the largest item (a node's heartbeat) has 8, coverage 2.</summary>
    public const int MaxBytes = 4 << 20;

    readonly List<T> _items = [];
    int _bytes;

    public IReadOnlyList<T> Items => _items;

    /// <summary>Whether what was offered last did not fit: there is more.</summary>
    public bool IsCut { get; private set; }

    /// <summary>False when the item belongs to the next page.</summary>
    public bool TryAdd(T item)
    {
        var bytes = bytesOf(item);
        if (_items.Count > 0 && (_items.Count >= limit || _bytes + bytes > MaxBytes))
        {
            IsCut = true;
            return false;
        }
        _items.Add(item);
        _bytes += bytes;
        return true;
    }

    /// <summary>Reads from the source, row by row, what one page holds.</summary>
    public static async Task<AnswerPage<T>> ReadAsync(
        IAsyncEnumerable<T> source, int limit, Func<T, int> bytesOf, CancellationToken cancellation)
    {
        var page = new AnswerPage<T>(limit, bytesOf);
        await foreach (var item in source.WithCancellation(cancellation))
        {
            if (!page.TryAdd(item))
            {
                break;
            }
        }
        return page;
    }
}
