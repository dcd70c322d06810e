using System.Buffers.Binary;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>
/// Writes down who watched from when to when with what lost, so that silence can be told from health. Every span ends
/// where the next begins; the end of the last one is kept in a small file, and what lies between it and the next start
/// of the agent is a blind span. Loop thread only.
/// </summary>
sealed class CoverageLedger(string markPath, Action<Record> write)
{
    readonly Dictionary<(string Cause, string Class), ulong> _reported = [];
    readonly byte[] _mark = new byte[8];
    long _fromUnixNs;

    /// <summary>Losses of the span that runs, for the anomalies raised in it.</summary>
    public IReadOnlyList<Loss> Current { get; private set; } = [];

    /// <summary>
    /// Begins the first span, after a blind one since the agent last watched; returns when that was, or null when it never
    /// ran here.
    /// </summary>
    public long? Start(long unixNs)
    {
        _fromUnixNs = unixNs;
        if (!File.Exists(markPath) || File.ReadAllBytes(markPath) is not { Length: 8 } bytes)
            return null;
        var last = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        if (last <= 0 || last >= unixNs)
            return null;
        write(new Record
        {
            Coverage = new Coverage
            {
                FromUnixNs = last,
                ToUnixNs = unixNs,
                Sensor = "agent",
                Blind = true,
                Reason = "the agent was not running",
            },
        });
        return last;
    }

    /// <summary>
    /// Notes that the agent still watches now, cheaply: called every second. A mark that cannot be written (the disk is full)
    /// makes the next blind span longer, never shorter.
    /// </summary>
    /// <exception cref="IOException">The mark could not be written.</exception>
    public void Mark(long unixNs)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_mark, unixNs);
        using var file = File.OpenHandle(markPath, FileMode.OpenOrCreate, FileAccess.Write);
        RandomAccess.Write(file, _mark, 0);
    }

    /// <summary>Takes the loss counters as they stand and keeps what grew since the last closed span.</summary>
    public void Update(IEnumerable<(string Cause, string Class, ulong Value)> losses) =>
        Current =
        [
            .. from loss in losses
               let grown = loss.Value - Math.Min(loss.Value, _reported.GetValueOrDefault((loss.Cause, loss.Class)))
               where grown > 0
               select new Loss { Cause = loss.Cause, EventClass = loss.Class, Count = grown },
        ];

    /// <summary>Ends the span that runs and begins the next.</summary>
    public void Close(long unixNs)
    {
        // A clock that was set back makes a short span, not one that ends before it begins.
        var coverage = new Coverage { FromUnixNs = Math.Min(_fromUnixNs, unixNs), ToUnixNs = unixNs, Sensor = "ebpf", Losses = { Current } };
        foreach (var loss in Current)
            _reported[(loss.Cause, loss.EventClass)] = _reported.GetValueOrDefault((loss.Cause, loss.EventClass)) + loss.Count;
        Current = [];
        _fromUnixNs = unixNs;
        write(new Record { Coverage = coverage });
    }
}
