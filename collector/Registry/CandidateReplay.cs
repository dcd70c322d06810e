using System.Diagnostics;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Registry;

/// <summary>
/// Judges what history kept of one workload by a candidate baseline: day by day from the newest, until the range, the time
/// or the room is used up; what was not searched is said. Thread-safe.
/// </summary>
sealed class CandidateReplay(IHistoryStore history, CoverageDesk coverage, TimeProvider time)
{
    /// <summary>Behaviours times versions times containers of one day that are read.</summary>
    const int MostOfDay = 200_000;
    /// <summary>Different behaviours the candidate does not know: 100 B each and their containers; an attack that makes more is told by these.</summary>
    const int MostFirings = 10_000;
    const int MostContainers = 1000;
    /// <summary>Half of what a caller waits for an answer.</summary>
    static readonly TimeSpan Budget = TimeSpan.FromSeconds(30);
    const int MaxBytes = 4 << 20;

    public async Task<WouldFireResponse> RunAsync(
        WorkloadKey workload, Model candidate, long fromUnixNs, long toUnixNs, CancellationToken cancellation)
    {
        var baseline = new CandidateBaseline(candidate, time.UnixNs());
        var started = Stopwatch.GetTimestamp();
        var tally = new Tally(baseline, () => Stopwatch.GetElapsedTime(started) > Budget);
        var answer = new WouldFireResponse { SearchedToUnixNs = toUnixNs, SearchedFromUnixNs = toUnixNs };
        while (answer.SearchedFromUnixNs > fromUnixNs && answer.PartialReason.Length == 0)
        {
            var from = Math.Max(fromUnixNs, answer.SearchedFromUnixNs - UnixTime.NsPerDay);
            var whole = await history.ReadBehavioursAsync(
                new HistoryRange(workload.Namespace, workload.Image, from, answer.SearchedFromUnixNs), MostOfDay, tally.Add, cancellation);
            answer.PartialReason = !whole ? $"the day from {UnixTime.FromUnixNs(from):u} holds more than {MostOfDay} sums of behaviour and container"
                : tally.IsFull ? $"there are more than {MostFirings} behaviours it does not know"
                : tally.IsLate ? $"{Budget.TotalSeconds:0} s were not enough for more"
                : "";
            // A day that was begun and not ended does not count as searched, though what was found in it is told.
            answer.SearchedFromUnixNs = answer.PartialReason.Length == 0 ? from : answer.SearchedFromUnixNs;
        }
        var bytes = 0;
        foreach (var firing in tally.Firings.OrderByDescending(firing => firing.Count).ThenBy(firing => firing.Class)
            .ThenBy(firing => firing.Behaviour, StringComparer.Ordinal))
        {
            if ((bytes += firing.CalculateSize()) > MaxBytes)
            {
                answer.PartialReason = $"the answer holds the first {answer.Firings.Count} of {tally.Firings.Count}";
                break;
            }
            answer.Firings.Add(firing);
        }
        answer.Partial = answer.PartialReason.Length > 0;
        answer.KnownBehaviours = (ulong)tally.Known;
        answer.Occurrences = tally.Occurrences;
        answer.Coverage = await coverage.SummaryAsync(answer.SearchedFromUnixNs, answer.SearchedToUnixNs, "", cancellation);
        return answer;
    }

    sealed class Tally(CandidateBaseline baseline, Func<bool> isOver)
    {
        readonly Dictionary<(BehaviourClass, string), Firing> _firings = [];
        readonly Dictionary<(BehaviourClass, string), HashSet<string>> _containers = [];
        readonly Dictionary<(BehaviourClass, string, string), CandidateVerdict> _judged = [];
        readonly HashSet<(BehaviourClass, string)> _known = [];

        public int Known => _known.Count;

        public ulong Occurrences { get; private set; }

        public bool IsFull { get; private set; }

        public bool IsLate { get; private set; }

        public Dictionary<(BehaviourClass, string), Firing>.ValueCollection Firings => _firings.Values;

        public void Add(BehaviourRow row)
        {
            if (IsLate || (IsLate = isOver()))
            {
                return;
            }
            Occurrences += row.Count;
            var name = (row.Class, row.Behaviour);
            var version = BehaviourNames.Version(new Container { Tag = row.Tag, Digest = row.Digest });
            if (!_judged.TryGetValue((row.Class, row.Behaviour, version), out var verdict))
            {
                verdict = baseline.Judge(row.Class, row.Behaviour, version);
                _judged.Add((row.Class, row.Behaviour, version), verdict);
            }
            if (verdict == CandidateVerdict.Known)
            {
                _known.Add(name);
                return;
            }
            if (!_firings.TryGetValue(name, out var firing))
            {
                if (_firings.Count == MostFirings)
                {
                    IsFull = true;
                    return;
                }
                firing = new Firing { Class = row.Class, Behaviour = row.Behaviour, FirstUnixNs = long.MaxValue };
                _firings.Add(name, firing);
                _containers.Add(name, new HashSet<string>(StringComparer.Ordinal));
            }
            firing.Denied |= verdict == CandidateVerdict.Denied;
            firing.Count += row.Count;
            firing.LastUnixNs = Math.Max(firing.LastUnixNs, row.LastUnixNs);
            if (row.FirstUnixNs < firing.FirstUnixNs)
            {
                (firing.FirstUnixNs, firing.Example, firing.ExampleContainer, firing.Node) = (row.FirstUnixNs, row.Example, row.Container, row.Node);
            }
            if (_containers[name] is { Count: < MostContainers } containers)
            {
                containers.Add(row.Container);
                firing.Containers = containers.Count;
            }
        }
    }
}
