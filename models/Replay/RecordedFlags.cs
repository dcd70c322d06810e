namespace RuntimeGuard.Models.Replay;

/// <summary>
/// Words of <c>object.flags</c> in JSON lines that say something to the models. All others (read, write, append …) are the
/// recorder's own and ignored.
/// </summary>
public static class RecordedFlags
{
    static readonly (byte[] Name, string Text, EventFlags Flag)[] Known =
    [
        Entry("not_in_image", EventFlags.NotInImage),
        Entry("memfd", EventFlags.Memfd),
        Entry("deleted", EventFlags.Deleted),
        Entry("truncated", EventFlags.Truncated),
        Entry("unverified", EventFlags.Unverified),
        Entry("failed", EventFlags.Failed),
        Entry("stdio_socket", EventFlags.StdioSocket),
        Entry("other_process", EventFlags.OtherProcess),
        Entry("injected", EventFlags.Injected),
    ];

    /// <summary>The flags a recording may carry; the rest are roles that the replay finds by itself.</summary>
    internal static readonly EventFlags All = Known.Aggregate(EventFlags.None, (all, known) => all | known.Flag);

    internal static EventFlags Parse(ReadOnlySpan<byte> name)
    {
        foreach (var known in Known)
            if (name.SequenceEqual(known.Name))
                return known.Flag;
        return EventFlags.None;
    }

    /// <summary>The words for these flags.</summary>
    public static IEnumerable<string> NamesOf(EventFlags flags) =>
        Known.Where(known => (flags & known.Flag) != 0).Select(known => known.Text);

    static (byte[], string, EventFlags) Entry(string name, EventFlags flag) =>
        (System.Text.Encoding.UTF8.GetBytes(name), name, flag);
}
