using MathNet.Numerics.Distributions;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Tests.Fleet;

/// <summary>One workload of a fleet as it goes through its days: its replicas, its versions and its growing vocabulary.</summary>
sealed class FleetWorkloadState
{
    const int StepsOfOtherRole = 6;

    readonly FleetPlan _plan;
    readonly FleetWorkload _workload;
    readonly int _number;
    readonly FleetVocabulary _vocabulary;
    readonly List<FleetBehaviour> _added = [];
    readonly double[] _cumulative;

    public FleetWorkloadState(FleetPlan plan, int number)
    {
        (_plan, _number, _workload) = (plan, number, plan.Workloads[number]);
        _vocabulary = new FleetVocabulary(_workload.Name, plan.Seed, _workload.Vocabulary);
        _cumulative = new double[_workload.Vocabulary];
        var sum = 0.0;
        for (var i = 0; i < _cumulative.Length; i++)
            _cumulative[i] = sum += Math.Pow(i + 1, -_workload.Skew);
        for (var i = 0; i < _cumulative.Length; i++)
            _cumulative[i] /= sum;
        Containers = [.. Plan()];
    }

    public FleetTarget Target(FleetContainer container) => new(_vocabulary.Name, _vocabulary.All.Where((what, i) => what.Helper is null && !IsDoneBy(container, i))
        .Skip(StepsOfOtherRole * (container.Replica / _workload.Roles)).Take(StepsOfOtherRole));

    public IReadOnlyList<FleetContainer> Containers { get; }

    /// <summary>What one container does in one hour.</summary>
    public void Hour(FleetContainer container, long hourNs, List<FleetEvent> into)
    {
        Grow(hourNs);
        var random = FleetRandom.Of(_plan.Seed, container.Recorded.Id, hourNs / FleetPlan.Hour);
        if (container.FromNs >= hourNs)
            foreach (var behaviour in _vocabulary.StartUp)
                container.Do(behaviour, container.FromNs + ((long)(random.NextDouble() * 60) * FleetPlan.Second), into);
        var events = Poisson.Sample(random, _workload.EventsPerHour);
        for (var i = 0; i < events; i++)
            container.Do(Draw(container, random), hourNs + (long)(random.NextDouble() * FleetPlan.Hour), into);
        var hour = hourNs / FleetPlan.Hour;
        if (_workload.DailyJob && hour % 24 == 3)
            Run(container, _vocabulary.Rotation, hourNs, into);
        if (_workload.WeeklyJob && hour % 24 == 4 && (hour / 24) % 7 == 3 && container.Replica == 0) // day 0 was a Thursday
            Run(container, _vocabulary.Backup, hourNs, into);
    }

    static void Run(FleetContainer container, IEnumerable<FleetBehaviour> job, long hourNs, List<FleetEvent> into)
    {
        var at = hourNs;
        foreach (var behaviour in job)
            container.Do(behaviour, at += FleetPlan.Second, into);
    }

    FleetBehaviour Draw(FleetContainer container, Random random)
    {
        // What rollouts and drift brought is as common as a behaviour of the middle.
        if (_added.Count > 0 && random.NextDouble() < _added.Count / (_added.Count + 40.0))
            return _added[random.Next(_added.Count)];
        while (true)
        {
            var at = Array.BinarySearch(_cumulative, random.NextDouble());
            at = Math.Min(at < 0 ? ~at : at, _cumulative.Length - 1);
            if (IsDoneBy(container, at))
                return _vocabulary.All[at];
        }
    }

    bool IsDoneBy(FleetContainer container, int behaviour) =>
        _workload.Roles == 1 || behaviour % 3 == 0 || behaviour % _workload.Roles == container.Replica % _workload.Roles;

    void Grow(long nowNs)
    {
        var day = (nowNs - FleetPlan.Start) / FleetPlan.Day;
        var due = (_workload.Rollouts.Count(d => d <= day) * _workload.NewPerRollout)
            + (_workload.Function is { } function && day >= function.Day ? function.Behaviours : 0)
            + (_workload.DriftFromDay is { } from ? (int)Math.Max(0, day - from + 1) : 0);
        while (_added.Count < due)
            _added.Add(_vocabulary.Draw());
    }

    IEnumerable<FleetContainer> Plan()
    {
        long[] starts = [FleetPlan.Start, .. _workload.Rollouts.Select(day => FleetPlan.Start + (day * FleetPlan.Day))];
        for (var version = 0; version < starts.Length; version++)
        {
            var end = version + 1 < starts.Length ? starts[version + 1] : _plan.EndNs;
            var most = Math.Max(_workload.Replicas, _workload.ScaleOut?.Replicas ?? 0);
            for (var replica = 0; replica < most; replica++)
            {
                var from = replica < _workload.Replicas ? starts[version]
                    : Math.Max(starts[version], FleetPlan.Start + (_workload.ScaleOut!.Value.Day * FleetPlan.Day));
                if (from < end)
                    yield return Make(version, replica, from + (replica * 40 * FleetPlan.Second), end);
            }
        }
    }

    FleetContainer Make(int version, int replica, long from, long end)
    {
        var id = Convert.ToHexStringLower(BitConverter.GetBytes(FleetRandom.Of(_plan.Seed, _workload.Name, (version * 1000) + replica).NextInt64()));
        return new FleetContainer(_number, replica, from, end, _vocabulary.Main, new RecordedContainer($"node-{(replica + _number) % _plan.Nodes}",
            "fleet", $"registry.example/{_workload.Name}:{version + 1}", $"sha256:{version + 1:x8}", $"{_workload.Name}-{id}", _workload.Name,
            $"{_workload.Name}-{replica}", from));
    }
}
