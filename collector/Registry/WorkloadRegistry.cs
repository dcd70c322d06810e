using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// All workloads: the policy of each in memory, its evidence on disk. The only writer of policies. Changes take turns;
/// reads see the entry before or after one, never between. Thread-safe.
/// </summary>
sealed partial class WorkloadRegistry(
    StateStore state, ModelFeed feed, CollectorOptions options, CollectorDiagnostics diagnostics, TimeProvider time) : IDisposable
{
    /// <summary>
    /// In memory 64 versions of up to 1 kB each make one 64 kB at most, 270 MB all; on disk the evidence of one takes
    /// 2 MB when it is full and <see cref="EvidenceBound.MaxBytes"/> at most: 8 GB and 34 GB all.
    /// </summary>
    public const int MaxWorkloads = 4096;
    const int MaxVersions = 64;

    readonly ConcurrentDictionary<WorkloadKey, WorkloadEntry> _entries = [];
    readonly SemaphoreSlim _changes = new(1, 1);

    public IEnumerable<WorkloadEntry> Entries => _entries.Values;

    public WorkloadEntry? Find(WorkloadKey workload) => _entries.GetValueOrDefault(workload);

    public async Task LoadAsync(CancellationToken cancellation)
    {
        var rows = await state.ReadAsync(context => context.Workloads
            .Select(row => new { row.Namespace, row.Image, row.Policy, row.ChangedByPerson, row.FirstSeenUnixNs, row.LastSeenUnixNs, row.Versions })
            .ToListAsync(cancellation), cancellation);
        foreach (var row in rows)
        {
            var key = new WorkloadKey(row.Namespace, row.Image);
            _entries[key] = new WorkloadEntry(key, Policy.Parser.ParseFrom(row.Policy), row.ChangedByPerson, row.FirstSeenUnixNs,
                row.LastSeenUnixNs, [.. row.Versions.Split('\n', StringSplitOptions.RemoveEmptyEntries)]);
        }
        diagnostics.Workloads.Set(_entries.Count);
    }

    /// <summary>Notes what heartbeats say runs: last seen, and versions never seen before.</summary>
    public async Task SeenAsync(IEnumerable<Container> containers, CancellationToken cancellation)
    {
        var now = time.UnixNs();
        var seen = containers.GroupBy(container => new WorkloadKey(container.Workload.Namespace, container.Workload.Image))
            .Where(group => _entries.ContainsKey(group.Key)).ToList();
        await ChangeAsync(async context =>
        {
            var changed = new List<WorkloadEntry>();
            foreach (var group in seen)
            {
                if (Find(group.Key) is not { } entry)
                {
                    continue;
                }
                var versions = entry.Versions;
                foreach (var version in group.Select(Version).Where(version => version.Length > 1).Distinct())
                {
                    versions = versions.Contains(version) ? versions : versions.Add(version);
                }
                versions = versions.Count > MaxVersions ? versions.RemoveRange(0, versions.Count - MaxVersions) : versions;
                entry = entry with { LastSeenUnixNs = now, Versions = versions };
                var joined = string.Join('\n', versions);
                await context.Workloads.Where(row => row.Namespace == group.Key.Namespace && row.Image == group.Key.Image)
                    .ExecuteUpdateAsync(set => set
                        .SetProperty(row => row.LastSeenUnixNs, now)
                        .SetProperty(row => row.Versions, joined), cancellation);
                changed.Add(entry);
            }
            return changed;
        }, cancellation);
    }

    static string Version(Container container) =>
        $"{container.Tag}@{container.Digest}".Replace("\n", "", StringComparison.Ordinal);

    /// <summary>One change at a time: memory follows the disk, and only after the commit.</summary>
    async Task ChangeAsync(Func<StateContext, Task<List<WorkloadEntry>>> change, CancellationToken cancellation) =>
        await InTurnAsync(async () =>
        {
            foreach (var entry in await state.WriteAsync(change, cancellation))
            {
                _entries[entry.Workload] = entry;
            }
            return true;
        }, cancellation);

    async Task<T> InTurnAsync<T>(Func<Task<T>> change, CancellationToken cancellation)
    {
        await _changes.WaitAsync(cancellation);
        try
        {
            return await change();
        }
        finally
        {
            _changes.Release();
        }
    }

    public void Dispose() => _changes.Dispose();
}
