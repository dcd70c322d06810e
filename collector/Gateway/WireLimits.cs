namespace RuntimeGuard.Collector.Gateway;

/// <summary>
/// Bounds of everything an agent may send: what is larger is shortened where it is a person's to read, else refused. Strings are counted in UTF-16 units; control characters are data and stay,
/// screens neutralise them.
/// </summary>
static class WireLimits
{
    public const int MessageBytes = 8 << 20;
    /// <summary>What this side sends at most; agents take as much.</summary>
    public const int SentBytes = 2 * MessageBytes;
    public const int AnomaliesPerBatch = 1000;
    public const int RecordsPerBatch = 10_000;
    /// <summary>Record batches of one stream that wait for their commit; beyond it the stream is not read on.</summary>
    public const int RecordBatchesInFlight = 16;

    /// <summary>A container-runtime name, id, tag or digest.</summary>
    public const int Name = 512;
    /// <summary>A kernel path (PATH_MAX is 4096 bytes) or a generalised fact that holds two of them.</summary>
    public const int Path = 4096;
    public const int Text = 16 * 1024;
    /// <summary>The kernel side carries 4096 bytes of arguments: 2048 at most when each is one byte and its end.</summary>
    public const int Arguments = 4096;
    public const int ArgumentsTotal = 64 * 1024;
    public const int Ancestors = 64;
    /// <summary>
    /// One anomaly. The most an agent makes is the process and 16 ancestors of 4096 bytes of path and of arguments each;
    /// were no byte of them UTF-8, each would be three on the wire: 17 * 2 * 12 kB = 418 kB.
    /// </summary>
    public const int AnomalyBytes = 512 << 10;
    public const int Losses = 64;
    public const int Nearest = 16;
    /// <summary>Grey events of one incident.</summary>
    public const int Contributions = 64;
    /// <summary>Spools of one node whose marks are kept: a node has one, and a new one when it was damaged or lost.</summary>
    public const int SpoolsPerNode = 32;
    public const int Capabilities = 64;
    public const int Counters = 1024;
    public const int Containers = 2000;
    public const int Watched = 2000;
    /// <summary>A delta is 1024 behaviours: 0.5 MB typically, 4.7 MB at the longest texts in three bytes a character.</summary>
    public const int EvidenceBytes = 6 << 20;
}
