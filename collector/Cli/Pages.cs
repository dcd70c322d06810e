namespace RuntimeGuard.Cli;

/// <summary>Answers come in pages that a message can hold; a person asks for a list.</summary>
static class Pages
{
    /// <summary>Asks from the cursor on until there are as many items as wanted or no more; also says where to go on.</summary>
    /// <param name="cursor">Where to begin, empty at the beginning.</param>
    /// <param name="most">How many items are wanted.</param>
    /// <param name="ask">Asks for the page after a cursor, of at most so many items.</param>
    public static async Task<(List<T> Items, string Next)> ReadAsync<T>(
        string cursor, int most, Func<string, int, Task<(IReadOnlyCollection<T> Items, string Next)>> ask)
    {
        var items = new List<T>();
        while (true)
        {
            var page = await ask(cursor, most - items.Count).ConfigureAwait(false);
            items.AddRange(page.Items);
            cursor = page.Next;
            if (cursor.Length == 0 || items.Count >= most)
            {
                return (items, cursor);
            }
        }
    }
}
